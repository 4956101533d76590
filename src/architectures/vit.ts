import { convolution, type Layer, layerNorm, parameter, projection } from "./layers.ts";
import type { Shapes } from "./shapes.ts";
import { inferTransformer, type TransformerSize, transformerLayers } from "./transformer.ts";

/** OpenCLIP's native vision transformer: class token, ln_pre, blocks, ln_post, one bare projection matrix. */
export interface VitVision extends TransformerSize {
	readonly family: "vit";
	readonly imageSize: number;
	readonly patchSize: number;
	/** epsilon of every LayerNorm. */
	readonly eps: number;
}

/** Facts of a ViT that leave no trace in names and shapes. */
export const VIT_HIDDEN = ["heads", "eps"] as const satisfies readonly (keyof VitVision)[];

/** By fact, a tensor whose shape tells it; `{last}` stands for the last block. */
export const VIT_CARRIERS = {
	imageSize: "visual.positional_embedding",
	patchSize: "visual.conv1.weight",
	width: "visual.class_embedding",
	layers: "visual.transformer.resblocks.{last}.ln_1.weight",
	mlpWidth: "visual.transformer.resblocks.0.mlp.c_fc.weight",
} as const satisfies Partial<Record<keyof VitVision, string>>;

/** A ViT as far as shapes tell it. */
export type VisibleVit = Omit<VitVision, (typeof VIT_HIDDEN)[number]>;

/** Layers of a ViT of `embedDim` features, in open_clip's order of tensors. */
export function vitLayers(vision: VitVision, embedDim: number): readonly Layer[] {
	const { width, patchSize } = vision;
	const patches = (vision.imageSize / patchSize) ** 2;
	const tokens = patches + 1;
	return [
		parameter("visual.class_embedding", [width]),
		parameter("visual.positional_embedding", [tokens, width]),
		projection("visual.proj", width, embedDim),
		convolution({
			name: "visual.conv1",
			inputs: 3,
			outputs: width,
			kernel: patchSize,
			positions: patches,
			bias: false,
		}),
		layerNorm("visual.ln_pre", width, tokens),
		...transformerLayers("visual.", vision, tokens),
		// The class token alone: the model card's figures come from an open_clip that pooled before ln_post.
		layerNorm("visual.ln_post", width, 1),
	];
}

/** A ViT from its tensors; the image is as many patches wide as the positional embedding has places. */
export function inferVit(shapes: Shapes): VisibleVit {
	const patchSize = shapes.dimension("visual.conv1.weight", 2);
	return {
		family: "vit",
		imageSize: shapes.gridSide("visual.positional_embedding") * patchSize,
		patchSize,
		width: shapes.dimension("visual.class_embedding", 0),
		...inferTransformer(shapes, "visual."),
	};
}

/** `ViT 32×1280/14`: depth, width, patch. */
export function vitLabel({ layers, width, patchSize }: VitVision): string {
	return `ViT ${layers}×${width}/${patchSize}`;
}
