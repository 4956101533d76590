import type { ByteSource } from "../../src/bytes/byte-source.ts";

/** A source over bytes in memory that remembers each read as [position, length]. */
export class CountingSource implements ByteSource {
	readonly name = "memory.safetensors";
	readonly descriptor = undefined;
	readonly file = undefined;
	readonly byteLength: number;
	readonly listedSha256: string | undefined;
	readonly reads: [number, number][] = [];
	readonly #bytes: Uint8Array;

	/** `byteLength` may claim more than `bytes` holds, for a file too large to make. */
	constructor(bytes: Uint8Array, byteLength = bytes.byteLength, listedSha256?: string) {
		this.#bytes = bytes;
		this.listedSha256 = listedSha256;
		this.byteLength = byteLength;
	}

	async read(position: number, target: Uint8Array): Promise<void> {
		this.reads.push([position, target.byteLength]);
		target.set(this.#bytes.subarray(position, position + target.byteLength));
	}

	async assertUnchanged(): Promise<void> {}

	async close(): Promise<void> {}

	async [Symbol.asyncDispose](): Promise<void> {}
}
