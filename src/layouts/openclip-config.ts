import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { type Architecture, modelConfigOf, parseArchitecture } from "../architectures/architecture.ts";
import { isClipSoupError } from "../errors.ts";
import { oneOf, parseConfig, rgb } from "./config-fields.ts";
import { assumedBy, type FactSource, type Places, placesBelow, statedBy } from "./facts.ts";
import { OPENCLIP_PREPROCESS, type Preprocess } from "./preprocess.ts";

/** `open_clip_config.json`; other fields of `preprocess_cfg` than these do not act, `size` neither. */
const configSchema = z.object(
	{
		model_cfg: z.record(z.string(), z.unknown(), { error: "an object" }),
		preprocess_cfg: z
			.object(
				{
					mode: oneOf("RGB"),
					mean: rgb,
					std: rgb,
					// `random` acts in training; at inference open_clip takes bicubic for it.
					interpolation: oneOf("bicubic", "bilinear", "random").transform((value) =>
						value === "random" ? "bicubic" : value,
					),
					resize_mode: oneOf("shortest", "longest", "squash"),
					fill_color: z.int({ error: "an integer" }),
				},
				{ error: "an object" },
			)
			.partial()
			.default({}),
	},
	{ error: "an object" },
);

/** Fields of a config that contradictions name. */
const PLACES: Places = {
	...placesBelow("model_cfg", {
		embedDim: "embed_dim",
		quickGelu: "quick_gelu",
		customText: "custom_text",
		logitBias: "init_logit_bias",
		nonscalarLogitScale: "nonscalar_logit_scale",
	}),
	...placesBelow("model_cfg.vision_cfg", {
		"vision.family": "timm_model_name, layers",
		"vision.imageSize": "image_size",
		"vision.patchSize": "patch_size",
		"vision.width": "width",
		"vision.layers": "layers",
		"vision.heads": "head_width",
		"vision.mlpWidth": "mlp_ratio",
		"vision.eps": "norm_kwargs",
	}),
	...placesBelow("model_cfg.text_cfg", {
		"text.contextLength": "context_length",
		"text.vocabularySize": "vocab_size",
		"text.width": "width",
		"text.layers": "layers",
		"text.heads": "heads",
		"text.mlpWidth": "mlp_ratio",
		"text.eps": "norm_kwargs",
		"text.projectionBias": "proj_bias",
	}),
	...placesBelow("preprocess_cfg", {
		"preprocess.mean": "mean",
		"preprocess.std": "std",
		"preprocess.interpolation": "interpolation",
		"preprocess.resizeMode": "resize_mode",
		"preprocess.fillColor": "fill_color",
	}),
};

/** Of a ConvNeXt, which arguments may make another than its name stands for. */
const CONVNEXT_PLACES = placesBelow("model_cfg.vision_cfg", {
	"vision.timmModelName": "timm_model_name",
	"vision.depths": "timm_model_name, timm_model_kwargs.depths",
	"vision.dims": "timm_model_name, timm_model_kwargs.dims",
	"vision.eps": "timm_model_name, timm_model_kwargs.norm_eps",
	"vision.head": "timm_proj",
	"vision.headBias": "timm_proj_bias",
});

/** What an `open_clip_config.json` tells, and its `model_cfg` as it stands. */
export interface OpenClipConfig {
	readonly sources: readonly FactSource[];
	readonly modelConfig: Readonly<Record<string, unknown>>;
}

/**
 * Reads an `open_clip_config.json`.
 *
 * @throws {ClipSoupError} ERR_CONFIG_INVALID naming the field; a `FaultsError` if there are several.
 */
export function readOpenClipConfig(json: unknown, file = "open_clip_config.json"): OpenClipConfig {
	const { model_cfg, preprocess_cfg } = parseConfig(configSchema, json, file);
	const { vision, text, ...root } = parseArchitecture(model_cfg);
	const { mean, std, interpolation, resize_mode: resizeMode, fill_color: fillColor } = preprocess_cfg;
	return {
		sources: [
			statedBy(
				file,
				{ root, vision, text, preprocess: { mean, std, interpolation, resizeMode, fillColor } },
				vision.family === "convnext" ? { ...PLACES, ...CONVNEXT_PLACES } : PLACES,
			),
			assumedBy("OpenCLIP's default", { preprocess: OPENCLIP_PREPROCESS }),
		],
		modelConfig: model_cfg,
	};
}

/**
 * The `open_clip_config.json` of an architecture.
 *
 * `original` is the `model_cfg` it had before: fields that do not change the function stay, such as the tokenizer's.
 */
export function openClipConfig(
	architecture: Architecture,
	preprocess: Preprocess,
	original: Readonly<Record<string, unknown>> = {},
) {
	const { mean, std, interpolation, resizeMode, fillColor } = preprocess;
	return {
		model_cfg: modelConfigFrom(original, architecture),
		preprocess_cfg: {
			mean,
			std,
			interpolation,
			resize_mode: resizeMode,
			...(fillColor !== OPENCLIP_PREPROCESS.fillColor && { fill_color: fillColor }),
		},
	};
}

/** The `model_cfg` nearest to the original that describes the architecture. */
function modelConfigFrom(original: Readonly<Record<string, unknown>>, architecture: Architecture): unknown {
	const shortest = modelConfigOf(architecture);
	// The fields of the architecture first, whatever else the original has behind them.
	const merged = {
		...shortest,
		...original,
		...shortest,
		vision_cfg: { ...shortest.vision_cfg, ...fieldsOf(original.vision_cfg), ...shortest.vision_cfg },
		text_cfg: { ...shortest.text_cfg, ...fieldsOf(original.text_cfg), ...shortest.text_cfg },
	};
	return [original, merged].find((config) => isConfigOf(config, architecture)) ?? shortest;
}

function isConfigOf(modelConfig: unknown, architecture: Architecture): boolean {
	try {
		return isDeepStrictEqual(parseArchitecture(modelConfig), architecture);
	} catch (error) {
		if (isClipSoupError(error)) return false;
		throw error;
	}
}

function fieldsOf(value: unknown): object {
	return typeof value === "object" && value !== null ? value : {};
}
