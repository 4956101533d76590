import * as z from "zod";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { expectedBy } from "../schema-issue.ts";
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

/**
 * An architecture of which a tower may be left out: of a checkpoint that holds one tower, or for a target that does.
 *
 * What only the missing tower's function depends on has any value: nothing reads it.
 */
export interface PartialArchitecture extends Omit<Architecture, "vision" | "text"> {
	readonly vision?: Vision | undefined;
	readonly text?: TextTower | undefined;
}

/** What an image tower's own files are written from. */
export type ImageArchitecture = Omit<Architecture, "text">;

/** What a text tower's own files are written from. */
export type TextArchitecture = Omit<Architecture, "vision">;

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
	const schema = z.strictObject(
		{ ...rootFields, vision_cfg: visionSchemaOf(modelConfig), text_cfg: textSchema },
		{ error: "an object" },
	);
	const { vision_cfg: vision, text_cfg: text, ...root } = parse(schema, modelConfig);
	return { ...rootOf(root), vision, text };
}

/**
 * A part of an architecture as OpenCLIP's config of it would be parsed: its rules hold, such as heads that divide the
 * width and whole patches in an image.
 *
 * @throws {ClipSoupError} as `parseArchitecture`.
 */
export function checkedPart(part: PartialArchitecture): PartialArchitecture {
	const config = partConfigOf(part);
	const schema = z.strictObject({
		...rootFields,
		vision_cfg: visionSchemaOf(config).optional(),
		text_cfg: textSchema.optional(),
	});
	const { vision_cfg: vision, text_cfg: text, ...root } = parse(schema, config);
	return { ...rootOf(root), ...(vision && { vision }), ...(text && { text }) };
}

function visionSchemaOf(modelConfig: unknown): z.ZodType<Vision> {
	return VISION_SCHEMAS[familyOf(modelConfig)];
}

function parse<Schema extends z.ZodType>(schema: Schema, modelConfig: unknown): z.output<Schema> {
	const result = schema.safeParse(modelConfig);
	if (result.success) return result.data;
	throwFaults(
		"Cannot use model_cfg",
		result.error.issues.flatMap((issue) => faultsOf(issue, modelConfig)),
	);
	throw result.error;
}

const rootSchema = z.object(rootFields);

function rootOf(config: z.output<typeof rootSchema>): Omit<Architecture, "vision" | "text"> {
	return {
		embedDim: config.embed_dim,
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
		...rootConfigOf(architecture),
		vision_cfg: visionTower(architecture.vision).config(),
		text_cfg: textConfig(architecture.text),
	};
}

function partConfigOf({ vision, text, ...root }: PartialArchitecture): Partial<ModelConfig> {
	return {
		...rootConfigOf(root),
		...(vision && { vision_cfg: visionTower(vision).config() }),
		...(text && { text_cfg: textConfig(text) }),
	};
}

function rootConfigOf(architecture: Omit<Architecture, "vision" | "text">) {
	return {
		embed_dim: architecture.embedDim,
		...(architecture.quickGelu && { quick_gelu: true }),
		...(architecture.customText && { custom_text: true }),
		...(architecture.logitBias && { init_logit_bias: ANY_LOGIT_BIAS }),
		...(architecture.nonscalarLogitScale && { nonscalar_logit_scale: true }),
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
	if (issue.code !== "unrecognized_keys") return [fault(issue.path, modelConfig, expectedBy(issue))];
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
