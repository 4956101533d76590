import * as z from "zod";

/** Fields of OpenCLIP's configs, each with the words of what it expects as its zod error. */

/** A field that changes nothing in the function of a CLIP as it is used: kept as it stands. */
export const inert = z.unknown().optional();

/** A positive integer. */
export const positiveInteger = z.int({ error: "a positive integer" }).positive({ error: "a positive integer" });

/** Blocks of a stack: 85 times the deepest preset. It keeps a hostile config from filling the memory with names. */
const MAX_BLOCKS = 4096;

/** The number of blocks of a stack. */
export const blockCount = positiveInteger.max(MAX_BLOCKS, { error: `at most ${MAX_BLOCKS} blocks` });

/** A positive number. */
export const positiveNumber = z.number({ error: "a positive number" }).positive({ error: "a positive number" });

/** `true` or `false`, where absent means `false`. */
export const flag = z.boolean({ error: "true or false" }).default(false);

/** A field that changes the function, of which only `values` are supported; the first is open_clip's default. */
export function only<const Values extends readonly [string | boolean | null, ...(string | boolean | null)[]]>(
	...values: Values
) {
	return z.literal([...values], { error: values.map((value) => JSON.stringify(value)).join(" or ") }).optional();
}

/** Default of `head_width`. Source of all defaults: CLIPVisionCfg, src/open_clip/model.py @ 89fb801f. */
export const HEAD_WIDTH = 64;

/** The number of blocks of each stage of a convolutional tower. */
export const stageBlocks = fourOf(blockCount);

/** The number of channels of each stage of a convolutional tower. */
export const stageWidths = fourOf(positiveInteger);

function fourOf(item: typeof positiveInteger) {
	return z.tuple([item, item, item, item], { error: "a list of 4 positive integers" });
}

/** `image_size`: a number, or a list of two equal ones; rectangles are not supported. */
const squareImageSize = z
	.union([positiveInteger, z.tuple([positiveInteger, positiveInteger])], { error: "a positive integer" })
	.refine((size) => typeof size === "number" || size[0] === size[1], { error: "a square image", abort: true })
	.transform((size) => (typeof size === "number" ? size : size[0]))
	.default(224);

/** `norm_kwargs`: another epsilon and nothing else. */
export const normOptions = z.strictObject({ eps: positiveNumber.optional() }, { error: "an object" }).nullish();

/** `act_kwargs`: none, since they would change the activation. */
export const activationOptions = z.strictObject({}, { error: "null" }).nullish();

/** Variants of attention blocks that bring tensors of their own. */
export const plainBlocks = {
	ls_init_value: only(null),
	block_type: only(null, "default"),
	qk_norm: only(false),
	scaled_cosine_attn: only(false),
	scale_heads: only(false),
	scale_attn_inner: only(false),
	scale_attn: only(false),
	scale_fc: only(false),
	output_tokens: only(false),
} as const;

/** Fields of CLIPVisionCfg that only a native ViT reads. */
export const inertVitFields = {
	ls_init_value: inert,
	attentional_pool: inert,
	attn_pooler_queries: inert,
	attn_pooler_heads: inert,
	no_ln_pre: inert,
	pos_embed_type: inert,
	final_ln_after_pool: inert,
	pool_type: inert,
	output_tokens: inert,
	act_kwargs: inert,
	norm_kwargs: inert,
	block_type: inert,
	qk_norm: inert,
	scaled_cosine_attn: inert,
	scale_heads: inert,
	scale_attn_inner: inert,
	scale_attn: inert,
	scale_fc: inert,
	patch_size: inert,
	mlp_ratio: inert,
} as const;

/** Fields of CLIPVisionCfg that only a timm tower reads; without a name there is none. */
export const inertTimmFields = {
	timm_model_name: only(null, ""),
	timm_model_pretrained: inert,
	timm_pool: inert,
	timm_proj: inert,
	timm_proj_bias: inert,
	timm_drop: inert,
	timm_drop_path: inert,
	timm_model_kwargs: inert,
} as const;

/** Fields of CLIPVisionCfg that every tower shares. `patch_dropout` acts in training only. */
export const sharedVisionFields = {
	image_size: squareImageSize,
	image_seq_len: only(null),
	patch_dropout: inert,
} as const;
