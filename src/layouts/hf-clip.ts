import { type BLOCK, BLOCKS_PREFIX, type JOINT, type TEXT, type VIT } from "./canonical.ts";
import type { Layout, TowerTable } from "./layout.ts";
import { asScalar, compileRules, inRows, type NameTable, type Rules, refused, transposed } from "./rule.ts";
import { template } from "./template.ts";

/** A block of either tower. Source: transformers 5.18, models/clip/modeling_clip.py. */
const BLOCK_NAMES = {
	"ln_1.{x}": "layer_norm1.{x}",
	"attn.in_proj_{x}": inRows("self_attn.q_proj.{x}", "self_attn.k_proj.{x}", "self_attn.v_proj.{x}"),
	"attn.out_proj.{x}": "self_attn.out_proj.{x}",
	"ln_2.{x}": "layer_norm2.{x}",
	"mlp.c_fc.{x}": "mlp.fc1.{x}",
	"mlp.c_proj.{x}": "mlp.fc2.{x}",
} as const satisfies NameTable<typeof BLOCK>;

const TEXT_NAMES = {
	"token_embedding.weight": "embeddings.token_embedding.weight",
	positional_embedding: "embeddings.position_embedding.weight",
	"ln_final.{x}": "final_layer_norm.{x}",
} as const satisfies Partial<NameTable<typeof TEXT>>;

/** At the root of every class. Of the two that fit the stored name, the bare matrix is what a CLIP usually has. */
const TEXT_PROJECTION_NAMES = {
	text_projection: transposed("text_projection.weight"),
	"text_projection.weight": "text_projection.weight",
	"text_projection.bias": refused("transformers' text projection has no bias"),
} as const satisfies NameTable<Exclude<(typeof TEXT)[number], keyof typeof TEXT_NAMES>[]>;

/** `pre_layrnorm` is transformers' spelling. */
const VIT_NAMES = {
	class_embedding: "embeddings.class_embedding",
	positional_embedding: "embeddings.position_embedding.weight",
	"conv1.weight": "embeddings.patch_embedding.weight",
	"ln_pre.{x}": "pre_layrnorm.{x}",
	"ln_post.{x}": "post_layernorm.{x}",
} as const satisfies Partial<NameTable<typeof VIT>>;

/** At the root. */
const VIT_PROJECTION_NAMES = {
	proj: transposed("visual_projection.weight"),
} as const satisfies NameTable<Exclude<(typeof VIT)[number], keyof typeof VIT_NAMES>[]>;

const JOINT_NAMES = {
	logit_scale: asScalar("logit_scale"),
	logit_bias: refused("transformers' CLIP classes add no bias to their logits"),
} as const satisfies NameTable<typeof JOINT>;

/** The text tower under `prefix`, its projection at the root. */
function textRules(prefix: string): Rules {
	return compileRules(
		[TEXT_NAMES, { stored: prefix }],
		[BLOCK_NAMES, { canonical: BLOCKS_PREFIX, stored: `${prefix}encoder.layers.{i}.` }],
		[TEXT_PROJECTION_NAMES],
	);
}

/** The form of a text tower's names that is written; transformers 4 and 5 read it in every class. */
export const HF_TEXT: TowerTable = {
	tower: "text",
	title: "CLIPTextModelWithProjection",
	...textRules("text_model."),
	writes: () => true,
	zeros: [],
};

/** Another form of a text tower's names, which is only read. */
export function hfTextVariant(title: string, prefix: string): TowerTable {
	return { tower: "text", title, ...textRules(prefix), writes: () => false, zeros: [] };
}

/** The temperature, as every class with both towers has it. */
export const HF_JOINT: TowerTable = {
	tower: "joint",
	title: "temperature",
	...compileRules([JOINT_NAMES]),
	writes: () => true,
	zeros: [],
};

/** Positions that versions before transformers 4.31 stored. */
export const POSITION_IDS = template("{rest}embeddings.position_ids");

/** transformers' `CLIPModel`, and its single towers `CLIPTextModelWithProjection` and `CLIPVisionModelWithProjection`. */
export const HF_CLIP: Layout = {
	id: "hf-clip",
	family: "hf",
	title: "Hugging Face CLIPModel",
	tables: [
		{
			tower: "image",
			title: "ViT",
			...compileRules(
				[VIT_NAMES, { canonical: "visual.", stored: "vision_model." }],
				[BLOCK_NAMES, { canonical: `visual.${BLOCKS_PREFIX}`, stored: "vision_model.encoder.layers.{i}." }],
				[VIT_PROJECTION_NAMES, { canonical: "visual." }],
			),
			writes: ({ vision }) => vision?.family === "vit",
			zeros: [],
		},
		HF_TEXT,
		hfTextVariant("CLIPTextModel of transformers 5", ""),
		HF_JOINT,
	],
	ignored: [POSITION_IDS, template("embeddings.position_ids")],
	strangers: [
		{ name: template("vision_model.head.{rest}"), reason: "it is a SigLIP" },
		{ name: template("convnext.{rest}"), reason: "it is a native ConvNextModel, another function than timm's" },
		{ name: template("classifier.{x}"), reason: "it is a classifier" },
	],
};
