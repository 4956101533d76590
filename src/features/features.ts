import type { ResolvedReference } from "../origin.ts";

/** Features of named inputs, as a tower made them. */
export interface NamedFeatures {
	/** What each row is of: the path of a picture, a text, `pixel_values[0]`. */
	readonly names: readonly string[];
	/** Features of a row. */
	readonly width: number;
	/** `[names.length, width]`, row-major, not normalised. */
	readonly values: Float32Array;
}

/** Features of pictures, of texts, or of both. */
export interface Features {
	readonly images: NamedFeatures | undefined;
	readonly texts: NamedFeatures | undefined;
	/** `[images, texts]`, row-major: cosine times temperature; undefined without both towers' features or a temperature. */
	readonly logitsPerImage: Float32Array | undefined;
	/** What was read of the Hub for them, at which commit. */
	readonly origins: readonly ResolvedReference[];
}

/** An array under the name that it has in files. */
export interface FeatureArray {
	readonly name: "image_features" | "text_features" | "logits_per_image";
	readonly shape: readonly [rows: number, columns: number];
	readonly values: Float32Array;
}

/** The arrays that there are. */
export function featureArrays({ images, texts, logitsPerImage }: Features): FeatureArray[] {
	const arrays: FeatureArray[] = [];
	if (images) arrays.push({ name: "image_features", shape: shapeOf(images), values: images.values });
	if (texts) arrays.push({ name: "text_features", shape: shapeOf(texts), values: texts.values });
	if (images && texts && logitsPerImage) {
		const shape = [images.names.length, texts.names.length] as const;
		arrays.push({ name: "logits_per_image", shape, values: logitsPerImage });
	}
	return arrays;
}

function shapeOf({ names, width }: NamedFeatures): readonly [number, number] {
	return [names.length, width];
}

/** Rows of an array as lists of numbers. */
export function rowsOf(values: Float32Array, width: number): number[][] {
	return Array.from({ length: values.length / width }, (_, row) =>
		Array.from(values.subarray(row * width, (row + 1) * width)),
	);
}

/** Euclidean length of each row. */
export function l2Norms({ values, width }: NamedFeatures): number[] {
	return rowsOf(values, width).map((row) => Math.hypot(...row));
}
