import * as z from "zod";
import {
	activationOptions,
	blockCount,
	HEAD_WIDTH,
	inert,
	inertTimmFields,
	normOptions,
	only,
	plainBlocks,
	positiveInteger,
	positiveNumber,
	sharedVisionFields,
} from "./config-fields.ts";
import { LAYER_NORM_EPS, MLP_RATIO, mlpRatioOf, mlpWidthOf } from "./transformer.ts";
import type { VitVision } from "./vit.ts";

/** `vision_cfg` of a native ViT → `VitVision`. Fields and defaults: CLIPVisionCfg, src/open_clip/model.py @ 89fb801f. */
export const vitSchema = z
	.strictObject(
		{
			...sharedVisionFields,
			...inertTimmFields,
			...plainBlocks,
			layers: blockCount.default(12),
			width: positiveInteger.default(768),
			head_width: positiveInteger.default(HEAD_WIDTH),
			mlp_ratio: positiveNumber.default(MLP_RATIO),
			patch_size: positiveInteger.default(16),
			attentional_pool: only(false),
			attn_pooler_queries: inert,
			attn_pooler_heads: inert,
			no_ln_pre: only(false),
			pos_embed_type: only("learnable"),
			// The order of ln_post and pooling is the same function for the class token.
			final_ln_after_pool: inert,
			pool_type: only("tok"),
			act_kwargs: activationOptions,
			norm_kwargs: normOptions,
		},
		{ error: "an object" },
	)
	.refine(({ width, head_width }) => width % Math.floor(width / head_width) === 0, {
		error: "a head width with which `width` divides into equal heads",
		path: ["head_width"],
	})
	.refine(({ image_size, patch_size }) => image_size % patch_size === 0, {
		error: "a multiple of `patch_size`",
		path: ["image_size"],
	})
	.transform(
		(config): VitVision => ({
			family: "vit",
			imageSize: config.image_size,
			patchSize: config.patch_size,
			width: config.width,
			layers: config.layers,
			heads: Math.floor(config.width / config.head_width),
			mlpWidth: mlpWidthOf(config.width, config.mlp_ratio),
			eps: config.norm_kwargs?.eps ?? LAYER_NORM_EPS,
		}),
	);

/** `vision_cfg` of a native ViT. */
export type VitConfig = z.input<typeof vitSchema>;

/** The shortest `vision_cfg` of a ViT. */
export function vitConfig(vision: VitVision): VitConfig {
	const { width, heads, mlpWidth, eps } = vision;
	return {
		image_size: vision.imageSize,
		layers: vision.layers,
		width,
		...(Math.floor(width / HEAD_WIDTH) !== heads && { head_width: width / heads }),
		...(mlpWidth !== mlpWidthOf(width, MLP_RATIO) && { mlp_ratio: mlpRatioOf(width, mlpWidth) }),
		patch_size: vision.patchSize,
		...(eps !== LAYER_NORM_EPS && { norm_kwargs: { eps } }),
	};
}
