import * as z from "zod";
import { fieldFault, oneOf, parseConfig, positiveInteger, positiveNumber } from "./config-fields.ts";
import { type FactSource, type PartialModel, type Places, placesBelow, statedBy } from "./facts.ts";
import { timmFacts } from "./timm-facts.ts";

/** Exact GELU, which is torch's default, or the sigmoid form of OpenAI's models, which is transformers' default. */
const activation = oneOf("gelu", "quick_gelu").default("quick_gelu");

/** transformers' default of an epsilon. */
const LAYER_NORM_EPS = 1e-5;

/** An `eos_token_id` of configs from before transformers 4.31, with which it still pools a text at its largest id. */
export const LARGEST_ID_EOS = 2;

/** Fields of a block stack, which both towers have. */
const BLOCK_FIELDS = {
	width: "hidden_size",
	layers: "num_hidden_layers",
	heads: "num_attention_heads",
	mlpWidth: "intermediate_size",
	eps: "layer_norm_eps",
} as const;

const TEXT_PLACES = {
	...placesOf("text", { ...BLOCK_FIELDS, contextLength: "max_position_embeddings", vocabularySize: "vocab_size" }),
	quickGelu: "hidden_act",
	embedDim: "projection_dim",
} as const;

const VISION_PLACES = {
	...placesOf("vision", { ...BLOCK_FIELDS, imageSize: "image_size", patchSize: "patch_size" }),
	quickGelu: "hidden_act",
	embedDim: "projection_dim",
} as const;

/** The field that tells the features of both towers. */
const ROOT_PLACES = { embedDim: "projection_dim" } as const;

function placesOf(tower: "text" | "vision", fields: Places): Places {
	return Object.fromEntries(Object.entries(fields).map(([fact, field]) => [`${tower}.${fact}`, field]));
}

/** Defaults: `CLIPTextConfig`, transformers 5.18, models/clip/configuration_clip.py. */
const textSchema = z.object(
	{
		vocab_size: positiveInteger.default(49_408),
		hidden_size: positiveInteger.default(512),
		intermediate_size: positiveInteger.default(2048),
		projection_dim: positiveInteger.default(512),
		num_hidden_layers: positiveInteger.default(12),
		num_attention_heads: positiveInteger.default(8),
		max_position_embeddings: positiveInteger.default(77),
		hidden_act: activation,
		layer_norm_eps: positiveNumber.default(LAYER_NORM_EPS),
		eos_token_id: z.int({ error: "an integer" }).default(49_407),
	},
	{ error: "an object" },
);

/** Defaults: `CLIPVisionConfig`, as above. */
const visionSchema = z.object(
	{
		hidden_size: positiveInteger.default(768),
		intermediate_size: positiveInteger.default(3072),
		projection_dim: positiveInteger.default(512),
		num_hidden_layers: positiveInteger.default(12),
		num_attention_heads: positiveInteger.default(12),
		num_channels: oneOf(3).default(3),
		image_size: positiveInteger.default(224),
		patch_size: positiveInteger.default(32),
		hidden_act: activation,
		layer_norm_eps: positiveNumber.default(LAYER_NORM_EPS),
	},
	{ error: "an object" },
);

const part = z.record(z.string(), z.unknown(), { error: "an object" }).nullish();

/** A part's older name wins where it is given. Source: `CLIPConfig.__init__`, as above. */
const clipSchema = z.object({
	projection_dim: positiveInteger.default(512),
	text_config: part,
	text_config_dict: part,
	vision_config: part,
	vision_config_dict: part,
});

const dualSchema = z.object({
	projection_dim: positiveInteger.default(512),
	text_config: part,
	vision_config: z.object(
		{
			model_type: oneOf("timm_wrapper"),
			architecture: z.string({ error: "the name of a timm model" }),
			// null where transformers saves a model that was built without.
			model_args: z.unknown().optional(),
		},
		{ error: "an object" },
	),
});

const modelTypeSchema = z.object({ model_type: z.string({ error: "a model type" }) }, { error: "an object" });

/** How to read each `model_type`. */
const READERS: Readonly<Record<string, (json: unknown, file: string) => readonly FactSource[]>> = {
	clip: (json, file) => {
		const config = parseConfig(clipSchema, json, file);
		const text = olderFirst(config.text_config_dict, config.text_config, "text_config");
		const vision = olderFirst(config.vision_config_dict, config.vision_config, "vision_config");
		const where = { text: `text_config of ${file}`, vision: `vision_config of ${file}` };
		return [
			statedBy(file, { root: { embedDim: config.projection_dim } }, placesIn(json, ROOT_PLACES)),
			statedBy(where.text, textFacts(text.json, where.text), placesBelow(text.field, placesIn(text.json, TEXT_PLACES))),
			statedBy(
				where.vision,
				visionFacts(vision.json, where.vision),
				placesBelow(vision.field, placesIn(vision.json, VISION_PLACES)),
			),
		];
	},
	clip_text_model: (json, file) => [
		statedBy(file, withProjection(json, textFacts(json, file), file), placesIn(json, TEXT_PLACES)),
	],
	clip_vision_model: (json, file) => [
		statedBy(file, withProjection(json, visionFacts(json, file), file), placesIn(json, VISION_PLACES)),
	],
	"vision-text-dual-encoder": (json, file) => {
		const config = parseConfig(dualSchema, json, file);
		const { architecture, model_args: modelArgs } = config.vision_config;
		const { vision } = timmFacts({ architecture, modelArgs: modelArgs ?? {} }, `vision_config of ${file}`);
		return [
			statedBy(file, { root: { embedDim: config.projection_dim } }, placesIn(json, ROOT_PLACES)),
			statedBy(
				`text_config of ${file}`,
				textFacts(config.text_config, `text_config of ${file}`),
				placesBelow("text_config", placesIn(config.text_config, TEXT_PLACES)),
			),
			statedBy(`vision_config of ${file}`, vision === undefined ? {} : { vision }),
		];
	},
};

/**
 * Reads a transformers `config.json` of a CLIP, one tower of it, or a dual encoder around a timm tower. What it does not
 * say is what transformers takes for it.
 *
 * @throws {ClipSoupError} ERR_CONFIG_INVALID naming the field; a `FaultsError` if there are several.
 */
export function readHfConfig(json: unknown, file = "config.json"): readonly FactSource[] {
	const { model_type } = parseConfig(modelTypeSchema, json, file);
	const reader = Object.hasOwn(READERS, model_type) ? READERS[model_type] : undefined;
	if (reader === undefined) throw fieldFault(file, "model_type", model_type, Object.keys(READERS).join(", "));
	return reader(json, file);
}

/** Places as they are, and of fields that are not there that transformers has a default for them. */
function placesIn(json: unknown, places: Places): Places {
	const isThere = (field: string) => typeof json === "object" && json !== null && Object.hasOwn(json, field);
	return Object.fromEntries(
		Object.entries(places).map(([fact, field]) => [fact, isThere(field) ? field : `${field}, by default`]),
	);
}

/** A part of a config under its older name where it is given. */
function olderFirst(older: unknown, json: unknown, field: string) {
	return older === undefined || older === null ? { json, field } : { json: older, field: `${field}_dict` };
}

/** @throws {ClipSoupError} ERR_CONFIG_INVALID if heads do not divide the width */
function refuseUnequalHeads(width: number, heads: number, file: string): void {
	if (width % heads !== 0) throw fieldFault(file, "num_attention_heads", heads, `a divisor of hidden_size, ${width}`);
}

function textFacts(json: unknown, file: string): PartialModel {
	const config = parseConfig(textSchema, json ?? {}, file);
	refuseUnequalHeads(config.hidden_size, config.num_attention_heads, file);
	const { eos_token_id: eos, vocab_size: vocabularySize } = config;
	// OpenCLIP pools at the largest id of a text, which is the end's only if no other is larger.
	if (eos !== vocabularySize - 1 && eos !== LARGEST_ID_EOS) {
		throw fieldFault(
			file,
			"eos_token_id",
			eos,
			`${vocabularySize - 1}, the last of ${vocabularySize} ids, or ${LARGEST_ID_EOS}`,
		);
	}
	return {
		root: { quickGelu: config.hidden_act === "quick_gelu" },
		text: {
			contextLength: config.max_position_embeddings,
			vocabularySize,
			width: config.hidden_size,
			layers: config.num_hidden_layers,
			heads: config.num_attention_heads,
			mlpWidth: config.intermediate_size,
			eps: config.layer_norm_eps,
			projectionBias: false,
		},
	};
}

function visionFacts(json: unknown, file: string): PartialModel {
	const config = parseConfig(visionSchema, json ?? {}, file);
	refuseUnequalHeads(config.hidden_size, config.num_attention_heads, file);
	return {
		root: { quickGelu: config.hidden_act === "quick_gelu" },
		vision: {
			family: "vit",
			imageSize: config.image_size,
			patchSize: config.patch_size,
			width: config.hidden_size,
			layers: config.num_hidden_layers,
			heads: config.num_attention_heads,
			mlpWidth: config.intermediate_size,
			eps: config.layer_norm_eps,
		},
	};
}

/** A single tower's facts with the features that its own config tells. */
function withProjection(json: unknown, model: PartialModel, file: string): PartialModel {
	const { projection_dim: embedDim } = parseConfig(textSchema.pick({ projection_dim: true }), json, file);
	return { ...model, root: { ...model.root, embedDim } };
}
