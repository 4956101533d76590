import type { ByteSource } from "../bytes/byte-source.ts";
import { endOfFile } from "../bytes/descriptor.ts";

/** Bytes that were made here and lie in no file. */
export class MemorySource implements ByteSource {
	readonly name: string;
	readonly byteLength: number;
	readonly descriptor = undefined;
	readonly file = undefined;
	readonly #bytes: Buffer;

	constructor(name: string, bytes: Buffer) {
		this.name = name;
		this.byteLength = bytes.length;
		this.#bytes = bytes;
	}

	async read(position: number, target: Uint8Array): Promise<void> {
		const end = position + target.byteLength;
		if (end > this.byteLength) throw endOfFile(this.name, this.byteLength, end);
		target.set(this.#bytes.subarray(position, end));
	}

	async assertUnchanged(): Promise<void> {}

	async close(): Promise<void> {}

	async [Symbol.asyncDispose](): Promise<void> {}
}
