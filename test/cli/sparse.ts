import { truncate, writeFile } from "node:fs/promises";
import { serializeHeader } from "../../src/safetensors/serialize.ts";

const TENSORS = 8;

/** Writes a valid checkpoint of about `byteLength` bytes, all zero, that takes hardly any space on the disk. */
export async function writeSparse(path: string, byteLength: number): Promise<string> {
	const elements = Math.floor(byteLength / 4 / TENSORS);
	const infos = Array.from({ length: TENSORS }, (_, index) => ({
		name: `layer.${index}`,
		dtype: "F32" as const,
		shape: [elements],
	}));
	const { bytes } = serializeHeader(infos, new Map([["format", "pt"]]));
	await writeFile(path, bytes);
	await truncate(path, bytes.length + elements * 4 * TENSORS);
	return path;
}
