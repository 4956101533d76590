import * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import { fieldFault, oneOf, parseConfig, positiveInteger, rgb } from "./config-fields.ts";
import { type FactSource, type Places, statedBy } from "./facts.ts";
import { OPENCLIP_PREPROCESS, type Preprocess } from "./preprocess.ts";

/** PIL's numbers of the filters. */
const RESAMPLES = { bicubic: 3, bilinear: 2 } as const satisfies Record<Preprocess["interpolation"], number>;

/** Value of a byte's step, as transformers writes it. */
const RESCALE_FACTOR = 1 / 255;

const SQUARE = "the side of a square";

/** `{ height, width }` of a square. */
const squareBox = z
	.object({ height: positiveInteger, width: positiveInteger })
	.refine(({ height, width }) => height === width, { error: SQUARE })
	.transform(({ height }) => height);

/** The side that pictures are scaled to, by their short side or by both. Old versions wrote a number. */
const scaledSide = z.union(
	[
		positiveInteger.transform((side) => ({ side, isSquashed: false })),
		z.object({ shortest_edge: positiveInteger }).transform((size) => ({ side: size.shortest_edge, isSquashed: false })),
		squareBox.transform((side) => ({ side, isSquashed: true })),
	],
	{ error: SQUARE },
);

/** transformers' own processors of CLIP; those of other models have other defaults and another order of steps. */
const PROCESSORS = ["CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPFeatureExtractor"] as const;

/** Defaults: `CLIPImageProcessor`, transformers 5.18, models/clip/image_processing_clip.py. */
const schema = z.object(
	{
		image_processor_type: oneOf(...PROCESSORS).optional(),
		feature_extractor_type: oneOf(...PROCESSORS).optional(),
		do_resize: oneOf(true).default(true),
		size: scaledSide.default({ side: 224, isSquashed: false }),
		resample: oneOf(2, 3).default(3),
		do_center_crop: z.boolean({ error: "true or false" }).default(true),
		crop_size: z.union([positiveInteger, squareBox], { error: SQUARE }).default(224),
		do_rescale: oneOf(true).default(true),
		rescale_factor: z.number().default(RESCALE_FACTOR),
		do_normalize: oneOf(true).default(true),
		image_mean: rgb.default(OPENCLIP_PREPROCESS.mean),
		image_std: rgb.default(OPENCLIP_PREPROCESS.std),
	},
	{ error: "an object" },
);

const PLACES = {
	"vision.imageSize": "size",
	"preprocess.mean": "image_mean",
	"preprocess.std": "image_std",
	"preprocess.interpolation": "resample",
	"preprocess.resizeMode": "size, do_center_crop",
} as const satisfies Places;

/**
 * Reads a `preprocessor_config.json` of transformers' CLIP.
 *
 * @throws {ClipSoupError} ERR_CONFIG_INVALID for steps that OpenCLIP has not; a `FaultsError` if there are several.
 */
export function readPreprocessorConfig(json: unknown, file = "preprocessor_config.json"): readonly FactSource[] {
	const config = parseConfig(schema, json, file);
	const { rescale_factor, crop_size, do_center_crop: isCropped } = config;
	const { side, isSquashed } = config.size;
	// Versions write 17 or 16 digits of it.
	if (Math.abs(rescale_factor * 255 - 1) > 4 * Number.EPSILON) {
		throw fieldFault(file, "rescale_factor", rescale_factor, "1/255");
	}
	if (isCropped && crop_size !== side) throw fieldFault(file, "crop_size", crop_size, `${side}, the size`);
	if (!isCropped && !isSquashed)
		throw fieldFault(file, "do_center_crop", false, "true, since size keeps the proportions");
	return [
		statedBy(
			file,
			{
				vision: { imageSize: side },
				preprocess: {
					mean: config.image_mean,
					std: config.image_std,
					interpolation: config.resample === RESAMPLES.bicubic ? "bicubic" : "bilinear",
					resizeMode: isSquashed ? "squash" : "shortest",
				},
			},
			PLACES,
		),
	];
}

const processorSchema = z.looseObject({ image_processor: z.record(z.string(), z.unknown()) });

/**
 * Reads a `processor_config.json`, in which transformers 5 keeps what older versions write as `preprocessor_config.json`;
 * their own file of this name says nothing of pictures.
 *
 * @throws {ClipSoupError} as `readPreprocessorConfig`
 */
export function readProcessorConfig(json: unknown, file = "processor_config.json"): readonly FactSource[] {
	const { data } = processorSchema.safeParse(json);
	return data === undefined ? [] : readPreprocessorConfig(data.image_processor, `image_processor of ${file}`);
}

/**
 * The `preprocessor_config.json` of transformers' CLIP.
 *
 * @throws {ClipSoupError} ERR_LAYOUT_MISMATCH for `longest`, which it has no step for.
 */
export function preprocessorConfig({ size, mean, std, interpolation, resizeMode }: Preprocess) {
	if (resizeMode === "longest") {
		throw new ClipSoupError(
			"ERR_LAYOUT_MISMATCH",
			'Cannot write preprocessor_config.json: found resize_mode "longest", expected "shortest" or "squash"',
			{ fix: "write another layout: transformers' CLIP does not pad", details: { resizeMode } },
		);
	}
	const square = { height: size, width: size };
	const isCropped = resizeMode === "shortest";
	return {
		crop_size: square,
		do_center_crop: isCropped,
		do_convert_rgb: true,
		do_normalize: true,
		do_rescale: true,
		do_resize: true,
		image_mean: mean,
		image_processor_type: "CLIPImageProcessor",
		image_std: std,
		resample: RESAMPLES[interpolation],
		rescale_factor: RESCALE_FACTOR,
		size: isCropped ? { shortest_edge: size } : square,
	};
}
