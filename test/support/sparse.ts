import { open } from "node:fs/promises";
import { serializeHeader } from "../../src/safetensors/serialize.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";

/** Writes a checkpoint whose bytes are zero and take no room on the disk, with F32 `values` at some elements. */
export async function writeSparse(
	path: string,
	tensors: readonly TensorInfo[],
	values: readonly { readonly name: string; readonly element: number; readonly value: number }[] = [],
): Promise<string> {
	const { bytes, tensors: stored } = serializeHeader(tensors, new Map([["format", "pt"]]));
	await using file = await open(path, "w");
	await file.write(bytes, 0, bytes.length, 0);
	await file.truncate(bytes.length + (stored.at(-1)?.end ?? 0));
	for (const { name, element, value } of values) {
		const begin = stored.find((tensor) => tensor.name === name)?.begin ?? 0;
		await file.write(new Uint8Array(Float32Array.of(value).buffer), 0, 4, bytes.length + begin + element * 4);
	}
	return path;
}
