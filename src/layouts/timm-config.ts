import * as z from "zod";
import type { ImageArchitecture } from "../architectures/architecture.ts";
import { oneOf, parseConfig, positiveInteger, rgb } from "./config-fields.ts";
import { type FactSource, type Places, statedBy } from "./facts.ts";
import type { Preprocess } from "./preprocess.ts";
import { timmFacts } from "./timm-facts.ts";
import { timmModel } from "./timm-model.ts";

/** OpenCLIP's resize modes in timm. timm's `border` pads with the mean, where OpenCLIP pads with `fillColor`. */
const CROP_MODES = {
	shortest: "center",
	longest: "border",
	squash: "squash",
} as const satisfies Record<Preprocess["resizeMode"], string>;

const RESIZE_MODES = {
	center: "shortest",
	border: "longest",
	squash: "squash",
} as const satisfies Record<string, Preprocess["resizeMode"]>;

/**
 * What a tower's input looks like. timm's defaults are those of ImageNet, so that only the two that suit a CLIP are
 * taken. Source: `PretrainedCfg`, timm/models/_pretrained.py @ aa4b5850.
 */
const pretrainedSchema = z.object(
	{
		input_size: z
			.tuple([oneOf(3), positiveInteger, positiveInteger], { error: "[3, height, width]" })
			.refine(([, height, width]) => height === width, { error: "a square image", abort: true })
			.optional(),
		interpolation: oneOf("bicubic", "bilinear").default("bicubic"),
		crop_pct: z.number({ error: "a number" }).optional(),
		crop_mode: oneOf("center", "squash", "border").default("center"),
		mean: rgb.optional(),
		std: rgb.optional(),
		num_classes: positiveInteger.optional(),
	},
	{ error: "an object" },
);

/** What timm crops to where nothing is said. Source: `PretrainedCfg`, as above. */
const TIMM_CROP_PCT = 0.875;

const configSchema = z.object(
	{
		architecture: z.string({ error: "the name of a timm model" }),
		num_classes: positiveInteger.optional(),
		model_args: z.unknown().optional(),
		pretrained_cfg: pretrainedSchema,
	},
	{ error: "an object" },
);

/** Fields of a config that contradictions name; an argument overrides what the name stands for. */
const PLACES = {
	embedDim: "num_classes",
	quickGelu: "architecture, model_args.act_layer",
	"vision.family": "architecture",
	"vision.timmModelName": "architecture",
	"vision.imageSize": "model_args.img_size, pretrained_cfg.input_size",
	"vision.patchSize": "architecture, model_args.patch_size",
	"vision.width": "architecture, model_args.embed_dim",
	"vision.layers": "architecture, model_args.depth",
	"vision.heads": "architecture, model_args.num_heads",
	"vision.mlpWidth": "architecture, model_args.mlp_ratio",
	"vision.depths": "architecture, model_args.depths",
	"vision.dims": "architecture, model_args.dims",
	"vision.eps": "architecture, model_args.norm_eps",
	"vision.head": "architecture, model_args.head_hidden_size",
	"preprocess.mean": "pretrained_cfg.mean",
	"preprocess.std": "pretrained_cfg.std",
	"preprocess.interpolation": "pretrained_cfg.interpolation",
	"preprocess.resizeMode": "pretrained_cfg.crop_mode",
} as const satisfies Places;

/** What a timm `config.json` tells. */
export interface TimmConfig {
	readonly sources: readonly FactSource[];
	/** What the user should know, one sentence each. */
	readonly notices: readonly string[];
}

/** Whether a `config.json` is timm's: transformers' have a `model_type`. */
export function isTimmConfig(json: unknown): boolean {
	return typeof json === "object" && json !== null && "architecture" in json && !("model_type" in json);
}

/**
 * Reads a timm `config.json`, also of the older form without `pretrained_cfg`.
 *
 * @throws {ClipSoupError} ERR_CONFIG_INVALID naming the field; a `FaultsError` if there are several.
 */
export function readTimmConfig(json: unknown, file = "config.json"): TimmConfig {
	const whole =
		typeof json === "object" && json !== null && !("pretrained_cfg" in json) ? { ...json, pretrained_cfg: json } : json;
	const config = parseConfig(configSchema, whole, file);
	const { input_size, interpolation, crop_pct, crop_mode, mean, std, num_classes } = config.pretrained_cfg;
	const { root, vision } = timmFacts(
		{ architecture: config.architecture, modelArgs: config.model_args ?? {}, inputSize: input_size?.[1] },
		file,
	);
	const resizeMode = RESIZE_MODES[crop_mode];
	return {
		sources: [
			statedBy(
				file,
				{
					// The top level wins, as it does in timm.
					root: { ...root, embedDim: config.num_classes ?? num_classes },
					...(vision && { vision }),
					preprocess: { mean, std, interpolation, resizeMode },
				},
				PLACES,
			),
		],
		notices: [
			...(crop_pct === 1
				? []
				: [`${file}: ${cropWords(crop_pct)}, since a CLIP sees the whole of the resized short side`]),
			...(crop_mode === "border"
				? [
						`${file}: crop_mode border pads with the mean colour in timm, and with fill_color in OpenCLIP: 0 if none is told`,
					]
				: []),
		],
	};
}

function cropWords(cropPct: number | undefined): string {
	if (cropPct !== undefined) return `crop_pct ${cropPct} is not kept`;
	return `crop_pct is not there, and timm's own ${TIMM_CROP_PCT} is not taken`;
}

/**
 * The timm `config.json` of an architecture's image tower, for timm and transformers' TimmWrapper.
 *
 * @throws {ClipSoupError} ERR_LAYOUT_MISMATCH for a tower that timm has no name for.
 */
export function timmConfig(architecture: ImageArchitecture, preprocess: Preprocess) {
	const { embedDim, vision } = architecture;
	const model = timmModel(architecture);
	return {
		architecture: model.architecture,
		num_classes: embedDim,
		num_features: model.featureCount,
		...(model.globalPool && { global_pool: model.globalPool }),
		...(Object.keys(model.modelArgs).length > 0 && { model_args: model.modelArgs }),
		pretrained_cfg: {
			custom_load: false,
			input_size: [3, vision.imageSize, vision.imageSize],
			fixed_input_size: model.isFixedSize,
			interpolation: preprocess.interpolation,
			// timm's default for some names is 0.9, which OpenCLIP does not do.
			crop_pct: 1.0,
			crop_mode: CROP_MODES[preprocess.resizeMode],
			mean: preprocess.mean,
			std: preprocess.std,
			num_classes: embedDim,
			pool_size: model.poolSize,
			first_conv: model.firstConv,
			classifier: model.classifier,
		},
	};
}
