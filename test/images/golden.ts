import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { OPENCLIP_PREPROCESS, type Preprocess } from "../../src/layouts/preprocess.ts";

export const FOLDER = "fixtures/preprocess";

/** A crop that open_clip made, and of what. */
export interface GoldenCrop {
	readonly key: string;
	readonly file: string;
	readonly preprocess: Preprocess;
	readonly expected: Uint8Array;
}

/** The crops of `reference.safetensors` or `cases.safetensors`. */
export async function readCrops(name: "reference" | "cases"): Promise<GoldenCrop[]> {
	const crops: GoldenCrop[] = [];
	for (const [key, expected] of await readBytes(name)) {
		if (!key.endsWith("|decoded")) crops.push({ ...parseKey(key), expected });
	}
	return crops;
}

/** One of them. */
export async function readCrop(name: "reference" | "cases", key: string): Promise<GoldenCrop> {
	const crop = (await readCrops(name)).find((one) => one.key === key);
	if (crop === undefined) throw new Error(`No ${key}`);
	return crop;
}

/** What a key of the golden files asks for: file, size, resize mode, and perhaps interpolation and fill colour. */
export function parseKey(key: string): Omit<GoldenCrop, "expected"> {
	const [file = "", size, resizeMode, interpolation = "bicubic", fillColor = "0"] = key.split("|");
	if (resizeMode !== "shortest" && resizeMode !== "longest" && resizeMode !== "squash") throw new Error(key);
	if (interpolation !== "bicubic" && interpolation !== "bilinear") throw new Error(key);
	const preprocess = { size: Number(size), resizeMode, interpolation, fillColor: Number(fillColor) } as const;
	return { key, file, preprocess: { ...OPENCLIP_PREPROCESS, ...preprocess } };
}

/** The bytes of each tensor of a golden file. */
export async function readBytes(name: string): Promise<Map<string, Uint8Array>> {
	await using file = await openCheckpoint(`${FOLDER}/${name}.safetensors`);
	const bytes = new Map<string, Uint8Array>();
	for (const key of file.tensors.keys()) {
		const { data } = await file.readArray(key);
		bytes.set(key, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
	}
	return bytes;
}

/** The largest distance of two lists of bytes. */
export function largestDifference(found: Uint8Array, expected: Uint8Array): number {
	if (found.length !== expected.length) throw new Error(`${found.length} bytes, expected ${expected.length}`);
	return found.reduce((most, byte, index) => Math.max(most, Math.abs(byte - (expected[index] ?? Number.NaN))), 0);
}
