import * as z from "zod";
import {
	activationOptions,
	blockCount,
	flag,
	inert,
	normOptions,
	only,
	plainBlocks,
	positiveInteger,
	positiveNumber,
} from "./config-fields.ts";
import type { TextTower } from "./text.ts";
import { LAYER_NORM_EPS, MLP_RATIO, mlpRatioOf, mlpWidthOf } from "./transformer.ts";

/** Text towers of transformers, without their settings. */
const noHuggingFaceText = {
	hf_model_name: only(null),
	hf_model_pretrained: inert,
	hf_proj_type: inert,
	hf_pooler_type: inert,
	hf_model_config: inert,
} as const;

/** What the tokenizer reads, and ids that only another pooling reads. */
const tokenizerFields = {
	hf_tokenizer_name: inert,
	tokenizer_mode: inert,
	tokenizer_kwargs: inert,
	tokenizer_type: inert,
	tiktoken_name: inert,
	pad_id: inert,
	bos_id: inert,
	eos_id: inert,
} as const;

/** Settings of `text_arch: "modern"`; the three that could be taken for the plain blocks' must agree with them. */
const modernFields = {
	attention_mode: inert,
	pos_embed: inert,
	rope_temperature: inert,
	mlp_type: inert,
	norm_type: only(null, "layernorm"),
	norm_eps: inert,
	attn_gated: inert,
	pre_norm: inert,
	norm_placement: inert,
	zero_init_residual: inert,
	reg_tokens: inert,
	value_residual: inert,
	attention_bias: only(null, true),
	mlp_bias: only(null, true),
	gate_bias: inert,
} as const;

/** `text_cfg` → `TextTower`. Fields and defaults: CLIPTextCfg, src/open_clip/model.py @ 89fb801f. */
export const textSchema = z
	.strictObject(
		{
			...noHuggingFaceText,
			...tokenizerFields,
			...modernFields,
			...plainBlocks,
			text_arch: only("clip"),
			context_length: positiveInteger.default(77),
			variable_text: only(false),
			vocab_size: positiveInteger.default(49_408),
			width: positiveInteger.default(512),
			heads: positiveInteger.default(8),
			layers: blockCount.default(12),
			mlp_ratio: positiveNumber.default(MLP_RATIO),
			embed_cls: only(false),
			no_causal_mask: only(false),
			// A LayerNorm acts on each token alone, so that pooling one token may come before or after it.
			final_ln_after_pool: inert,
			pool_type: only("argmax"),
			proj_type: only("linear"),
			proj_bias: flag,
			act_kwargs: activationOptions,
			norm_kwargs: normOptions,
		},
		{ error: "an object" },
	)
	.refine(({ width, heads }) => width % heads === 0, { error: "a divisor of `width`", path: ["heads"] })
	.transform(
		(config): TextTower => ({
			contextLength: config.context_length,
			vocabularySize: config.vocab_size,
			width: config.width,
			layers: config.layers,
			heads: config.heads,
			mlpWidth: mlpWidthOf(config.width, config.mlp_ratio),
			eps: config.norm_kwargs?.eps ?? LAYER_NORM_EPS,
			projectionBias: config.proj_bias,
		}),
	);

/** `text_cfg` of OpenCLIP's own text tower. */
export type TextConfig = z.input<typeof textSchema>;

/** The shortest `text_cfg` of a text tower. */
export function textConfig(text: TextTower): TextConfig {
	const { width, mlpWidth, eps } = text;
	return {
		context_length: text.contextLength,
		vocab_size: text.vocabularySize,
		width,
		heads: text.heads,
		layers: text.layers,
		...(mlpWidth !== mlpWidthOf(width, MLP_RATIO) && { mlp_ratio: mlpRatioOf(width, mlpWidth) }),
		...(text.projectionBias && { proj_bias: true }),
		...(eps !== LAYER_NORM_EPS && { norm_kwargs: { eps } }),
	};
}
