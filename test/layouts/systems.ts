import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import * as z from "zod";
import { LENGTH_BYTE_LENGTH, parseHeader } from "../../src/safetensors/header.ts";
import { isDtype } from "../../src/tensor/dtype.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";

const ROOT = new URL("../../fixtures/layouts/", import.meta.url);

/** A tensor with its bytes, or with no more than their digest. */
export interface MemoryTensor extends TensorInfo {
	readonly bytes: Uint8Array | undefined;
	/** Undefined for a tensor that was made of others whose bytes are not there. */
	readonly sha256: string | undefined;
}

const digestsSchema = z.record(
	z.string(),
	z.tuple([z.string().refine(isDtype), z.array(z.int()), z.string().length(64)]),
);

/** Every system of `fixtures/layouts`. */
export const SYSTEMS: readonly string[] = readdirSync(ROOT, { withFileTypes: true })
	.filter((entry) => entry.isDirectory())
	.map(({ name }) => name);

/** A tensor of these bytes. */
export function memoryTensor(info: TensorInfo, bytes: Uint8Array): MemoryTensor {
	const sha256 = createHash("sha256").update(bytes).digest("hex");
	return { name: info.name, dtype: info.dtype, shape: info.shape, bytes, sha256 };
}

/** Whether a system has the folder `hf/vision`, `timm` … */
export function hasFolder(system: string, folder: string): boolean {
	return existsSync(new URL(`${system}/${folder}/`, ROOT));
}

/** The tensors of a folder as its library wrote them. */
export function readTensors(system: string, folder: string): readonly MemoryTensor[] {
	const url = new URL(`${system}/${folder}/`, ROOT);
	const weights = readdirSync(url).find((name) => name.endsWith(".safetensors"));
	if (weights !== undefined) return parseTensors(readFileSync(new URL(weights, url)));
	const digests = digestsSchema.parse(JSON.parse(readFileSync(new URL("tensors.json", url), "utf8")));
	return Object.entries(digests).map(([name, [dtype, shape, sha256]]) => ({
		name,
		dtype,
		shape,
		bytes: undefined,
		sha256,
	}));
}

/** A JSON file of a folder. */
export function readJson(system: string, path: string): unknown {
	return JSON.parse(readFileSync(new URL(`${system}/${path}`, ROOT), "utf8"));
}

/** Whether a system has a file. */
export function hasFile(system: string, path: string): boolean {
	return existsSync(new URL(`${system}/${path}`, ROOT));
}

function parseTensors(file: Buffer): readonly MemoryTensor[] {
	const dataStart = LENGTH_BYTE_LENGTH + Number(file.readBigUInt64LE());
	const header = parseHeader(file.subarray(LENGTH_BYTE_LENGTH, dataStart), {
		name: "fixture",
		fileByteLength: file.length,
	});
	return header.tensors.map((info) => memoryTensor(info, file.subarray(dataStart + info.begin, dataStart + info.end)));
}
