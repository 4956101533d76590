import { extname } from "node:path";
import { ClipSoupError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import { serializeHeader } from "../safetensors/serialize.ts";
import { type FeatureArray, type Features, featureArrays, l2Norms, type NamedFeatures, rowsOf } from "./features.ts";
import { npyBytes } from "./npy.ts";

/** Turns features into the bytes of a file. */
export type FeatureFormat = (features: Features) => Uint8Array;

const FORMATS: Readonly<Record<string, FeatureFormat>> = {
	".safetensors": (features) => safetensorsBytes(featureArrays(features), commitsOf(features)),
	".npy": (features) => npyBytes(onlyArray(features)),
	".json": (features) => Buffer.from(`${JSON.stringify(featuresJson(features))}\n`),
};

/**
 * The format that a file name asks for by its extension.
 *
 * @param kinds how many of image and text features there will be: an `.npy` file holds one array
 * @throws {ClipSoupError} ERR_USAGE for another extension, and for `.npy` if there are both kinds
 */
export function formatOf(path: string, kinds: number): FeatureFormat {
	const extension = extname(path);
	const format = FORMATS[extension];
	if (format === undefined) {
		throw new ClipSoupError(
			"ERR_USAGE",
			`Cannot write "${path}": found extension "${extension}", expected one of ${Object.keys(FORMATS).join(", ")}`,
			{ fix: "name the file -o features.safetensors" },
		);
	}
	if (extension === ".npy" && kinds > 1) {
		throw new ClipSoupError(
			"ERR_USAGE",
			`Cannot write "${path}": found image and text features, expected one array, which is what .npy holds`,
			{ fix: "name a file that ends in .safetensors, or ask for pictures and texts one after the other" },
		);
	}
	return format;
}

/** Features as JSON: float32 values that read back as the same numbers. */
export function featuresJson(features: Features) {
	const { images, texts, logitsPerImage } = features;
	const commits = commitsOf(features);
	return {
		...(commits.length > 0 && { origins: commits }),
		...(images && { images: towerJson(images) }),
		...(texts && { texts: towerJson(texts) }),
		...(texts && logitsPerImage && { logitsPerImage: rowsOf(logitsPerImage, texts.names.length) }),
	};
}

/** As files hold them: the same for every reference that stands for the commit. */
function commitsOf({ origins }: Features): readonly Origin[] {
	return origins.map(({ repo, revision }) => ({ repo, revision }));
}

function towerJson(features: NamedFeatures) {
	const { names, width, values } = features;
	const norms = l2Norms(features);
	return {
		width,
		rows: rowsOf(values, width).map((row, index) => ({ name: names[index], l2: norms[index], features: row })),
	};
}

function safetensorsBytes(arrays: readonly FeatureArray[], commits: readonly Origin[]): Uint8Array {
	const infos = arrays.map(({ name, shape }) => ({ name, dtype: "F32", shape }) as const);
	const origins = commits.length === 0 ? [] : [["clip_soup.origins", JSON.stringify(commits)] as const];
	const { bytes, tensors } = serializeHeader(infos, new Map([["format", "pt"], ...origins]));
	const data = tensors.flatMap(({ name }) => arrays.filter((array) => array.name === name));
	return Buffer.concat([bytes, ...data.map(({ values }) => bytesOf(values))]);
}

function bytesOf(values: Float32Array): Uint8Array {
	return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function onlyArray(features: Features): FeatureArray {
	const [array, ...others] = featureArrays(features);
	if (array === undefined || others.length > 0) throw new RangeError("An .npy file holds one array");
	return array;
}
