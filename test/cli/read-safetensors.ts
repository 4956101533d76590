import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

export interface ReadTensor {
	readonly dtype: string;
	readonly shape: readonly number[];
	readonly bytes: Buffer;
}

interface HeaderEntry {
	readonly dtype: string;
	readonly shape: readonly number[];
	readonly data_offsets: readonly [number, number];
}

export interface ReadFile {
	readonly tensors: ReadonlyMap<string, ReadTensor>;
	readonly metadata: Readonly<Record<string, string>>;
	/** SHA-256 of the header's JSON, hex. */
	readonly headerSha256: string;
}

/** Reads a safetensors file in the plainest way: a second opinion on what clip-soup wrote. */
export async function readSafetensors(path: string): Promise<ReadFile> {
	const file = await readFile(path);
	const dataStart = 8 + Number(file.readBigUInt64LE());
	const json = file.subarray(8, dataStart);
	const { __metadata__: metadata, ...header }: Record<string, HeaderEntry> & { __metadata__?: never } = JSON.parse(
		json.toString("utf8"),
	);
	const tensors = Object.entries(header).map(
		([name, { dtype, shape, data_offsets: offsets }]): [string, ReadTensor] => {
			const [begin, end] = offsets;
			return [name, { dtype, shape, bytes: file.subarray(dataStart + begin, dataStart + end) }];
		},
	);
	return { tensors: new Map(tensors), metadata: metadata ?? {}, headerSha256: sha256(json) };
}

/** Values of an F32 tensor. */
export function f32Values({ tensors }: ReadFile, name: string): number[] {
	const bytes = tensors.get(name)?.bytes ?? Buffer.alloc(0);
	return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}

export function sha256(bytes: Uint8Array | string): string {
	return createHash("sha256").update(bytes).digest("hex");
}
