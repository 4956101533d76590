import type { PartialArchitecture } from "../architectures/architecture.ts";
import { inventoryOf } from "../architectures/inventory.ts";
import type { InventoryTensor } from "../architectures/layers.ts";

/**
 * Canonical names: OpenCLIP's own, with the text tower at top level, q, k, v in one matrix, and temperatures of shape [].
 *
 * The lists below hold every tensor that an architecture can have, so that the compiler refuses a layout's table in which
 * one of them is missing. Source: `state_dict()` of open_clip @ 89fb801f.
 */

/** A part of a CLIP that a layout holds or does not: the image tower, the text tower, or what joins them. */
export type Tower = "image" | "text" | "joint";

/** All towers in the order messages list them. */
export const TOWERS = ["image", "text", "joint"] as const satisfies readonly Tower[];

/** What the towers' logits are made with. */
export const JOINT = ["logit_scale", "logit_bias"] as const;

/** A block of a transformer of either tower, under `BLOCKS_PREFIX`. */
export const BLOCK = [
	"ln_1.{x}",
	"attn.in_proj_{x}",
	"attn.out_proj.{x}",
	"ln_2.{x}",
	"mlp.c_fc.{x}",
	"mlp.c_proj.{x}",
] as const;

/** Prefix of a block, after the tower's own. */
export const BLOCKS_PREFIX = "transformer.resblocks.{i}.";

/** The text tower but for its blocks; its projection is a bare matrix, or a Linear if it has a bias. */
export const TEXT = [
	"token_embedding.weight",
	"positional_embedding",
	"ln_final.{x}",
	"text_projection",
	"text_projection.weight",
	"text_projection.bias",
] as const;

/** A ViT but for its blocks, under `visual.`. */
export const VIT = [
	"class_embedding",
	"positional_embedding",
	"conv1.weight",
	"ln_pre.{x}",
	"ln_post.{x}",
	"proj",
] as const;

/** A ConvNeXt but for its projection, under `visual.trunk.`: timm's own names. */
export const CONVNEXT_TRUNK = [
	"stem.0.{x}",
	"stem.1.{x}",
	"stages.{i}.downsample.0.{x}",
	"stages.{i}.downsample.1.{x}",
	"stages.{i}.blocks.{j}.gamma",
	"stages.{i}.blocks.{j}.conv_dw.{x}",
	"stages.{i}.blocks.{j}.norm.{x}",
	"stages.{i}.blocks.{j}.mlp.fc1.{x}",
	"stages.{i}.blocks.{j}.mlp.fc2.{x}",
	"head.norm.{x}",
] as const;

/** A ConvNeXt's `linear` projection, under `visual.head.`. */
export const LINEAR_HEAD = ["proj.weight", "proj.bias"] as const;

/** A ConvNeXt's `mlp` projection, under `visual.head.`. */
export const MLP_HEAD = ["mlp.fc1.{x}", "mlp.fc2.weight", "mlp.fc2.bias"] as const;

/** A ResNet, under `visual.`. */
export const RESNET = [
	"conv1.weight",
	"bn1.{n}",
	"conv2.weight",
	"bn2.{n}",
	"conv3.weight",
	"bn3.{n}",
	"layer{i+1}.{j}.conv1.weight",
	"layer{i+1}.{j}.bn1.{n}",
	"layer{i+1}.{j}.conv2.weight",
	"layer{i+1}.{j}.bn2.{n}",
	"layer{i+1}.{j}.conv3.weight",
	"layer{i+1}.{j}.bn3.{n}",
	"layer{i+1}.{j}.downsample.0.weight",
	"layer{i+1}.{j}.downsample.1.{n}",
	"attnpool.positional_embedding",
	"attnpool.q_proj.{x}",
	"attnpool.k_proj.{x}",
	"attnpool.v_proj.{x}",
	"attnpool.c_proj.{x}",
] as const;

/** The tower of a canonical name. */
export function towerOf(name: string): Tower {
	if (name.startsWith("visual.")) return "image";
	return name.startsWith("logit_") ? "joint" : "text";
}

/** Every tensor of an architecture under its canonical name. */
export function canonicalInventory(architecture: PartialArchitecture): readonly InventoryTensor[] {
	return inventoryOf({ ...architecture, customText: false, nonscalarLogitScale: false });
}
