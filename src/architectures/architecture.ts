import { z } from "zod";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { flag, inert, positiveInteger } from "./config-fields.ts";
import type { TextTower } from "./text.ts";
import { type TextConfig, textConfig, textSchema } from "./text-config.ts";
import { VISION_SCHEMAS, type Vision, type VisionConfig, type VisionFamily, visionTower } from "./vision.ts";

/** A CLIP: two towers into one space of `embedDim` features, and a temperature. */
export interface Architecture {
	readonly embedDim: number;
	readonly vision: Vision;
	readonly text: TextTower;
	/** QuickGELU instead of GELU in every transformer; a ConvNeXt or ResNet image tower keeps its own activation. */
	readonly quickGelu: boolean;
	/** Whether the text tower's names begin with `text.`, as in OpenCLIP's `CustomTextCLIP`. */
	readonly customText: boolean;
	/** Whether there is a `logit_bias`. */
	readonly logitBias: boolean;
	/** Whether `logit_scale` and `logit_bias` are `[1]` instead of `[]`. */
	readonly nonscalarLogitScale: boolean;
}

/** OpenCLIP's `model_cfg`, as `open_clip_config.json` and `model_configs/*.json` hold it. */
export interface ModelConfig {
	readonly embed_dim: number;
	readonly quick_gelu?: boolean;
	readonly custom_text?: boolean;
	readonly init_logit_scale?: number;
	readonly init_logit_bias?: number | null;
	readonly nonscalar_logit_scale?: boolean;
	readonly vision_cfg: VisionConfig;
	readonly text_cfg: TextConfig;
}

const rootFields = {
	embed_dim: positiveInteger,
	text_cfg: textSchema,
	quick_gelu: flag,
	custom_text: flag,
	init_logit_scale: inert,
	init_logit_bias: z.number({ error: "a number or null" }).nullish(),
	nonscalar_logit_scale: flag,
	output_dict: inert,
} as const;

/** What decides the family of a `vision_cfg`, in open_clip's order. Source: src/open_clip/model.py @ 89fb801f. */
const familyProbe = z.object({ vision_cfg: z.object({ timm_model_name: inert, layers: inert }) });

/**
 * OpenCLIP's `model_cfg` → architecture.
 *
 * Strict: fields that change the function in a way that clip-soup does not support are refused, and so are unknown
 * ones. Fields of training and of the tokenizer are accepted and left to the caller's copy of the config.
 * @throws {ClipSoupError} ERR_CONFIG_INVALID naming the field; a `FaultsError` if there are several.
 */
export function parseArchitecture(modelConfig: unknown): Architecture {
	const visionSchema: z.ZodType<Vision> = VISION_SCHEMAS[familyOf(modelConfig)];
	const schema = z.strictObject({ ...rootFields, vision_cfg: visionSchema }, { error: "an object" });
	const result = schema.safeParse(modelConfig);
	if (!result.success) {
		throwFaults(
			"Cannot use model_cfg",
			result.error.issues.flatMap((issue) => faultsOf(issue, modelConfig)),
		);
		throw result.error;
	}
	const config = result.data;
	return {
		embedDim: config.embed_dim,
		vision: config.vision_cfg,
		text: config.text_cfg,
		quickGelu: config.quick_gelu,
		customText: config.custom_text,
		logitBias: typeof config.init_logit_bias === "number",
		nonscalarLogitScale: config.nonscalar_logit_scale,
	};
}

/** `init_logit_bias` of a config that is written for trained weights, which replace it. */
const ANY_LOGIT_BIAS = 0;

/** The shortest `model_cfg` that parses into `architecture`; training and tokenizer fields are not in it. */
export function modelConfigOf(architecture: Architecture): ModelConfig {
	return {
		embed_dim: architecture.embedDim,
		...(architecture.quickGelu && { quick_gelu: true }),
		...(architecture.customText && { custom_text: true }),
		...(architecture.logitBias && { init_logit_bias: ANY_LOGIT_BIAS }),
		...(architecture.nonscalarLogitScale && { nonscalar_logit_scale: true }),
		vision_cfg: visionTower(architecture.vision).config(),
		text_cfg: textConfig(architecture.text),
	};
}

function familyOf(modelConfig: unknown): VisionFamily {
	const probed = familyProbe.safeParse(modelConfig);
	if (!probed.success) return "vit";
	const { timm_model_name, layers } = probed.data.vision_cfg;
	if (timm_model_name !== undefined && timm_model_name !== null && timm_model_name !== "") return "convnext";
	return Array.isArray(layers) ? "resnet" : "vit";
}

/** zod's issue in our words; the schemas put what they expect into `message`. */
function faultsOf(issue: z.core.$ZodIssue, modelConfig: unknown): readonly ClipSoupError[] {
	if (issue.code !== "unrecognized_keys") return [fault(issue.path, modelConfig, issue.message)];
	return issue.keys.map((key) => fault([...issue.path, key], modelConfig, "no such field"));
}

function fault(path: readonly PropertyKey[], modelConfig: unknown, expected: string): ClipSoupError {
	const field = ["model_cfg", ...path.map(String)].join(".");
	const value = valueAt(path, modelConfig);
	const found = value === undefined ? "nothing" : JSON.stringify(value);
	return new ClipSoupError("ERR_CONFIG_INVALID", `Cannot use ${field}: found ${found}, expected ${expected}`, {
		fix: "use the model_cfg of a ViT, ConvNeXt or ResNet CLIP with OpenCLIP's own text tower",
		details: { field, found: value, expected },
	});
}

function valueAt(path: readonly PropertyKey[], value: unknown): unknown {
	return path.reduce<unknown>(
		(parent, key) => (typeof parent === "object" && parent !== null ? Reflect.get(parent, key) : undefined),
		value,
	);
}
