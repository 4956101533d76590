import { type Layer, layerNorm, linear, parameter, projection } from "./layers.ts";
import type { Shapes } from "./shapes.ts";
import { inferTransformer, type TransformerSize, transformerLayers } from "./transformer.ts";

/** OpenCLIP's own text tower: causal blocks, pooled at the largest token id, one projection. */
export interface TextTower extends TransformerSize {
	readonly contextLength: number;
	readonly vocabularySize: number;
	/** epsilon of every LayerNorm. */
	readonly eps: number;
	/** With a bias the projection is a Linear `[embed_dim, width]`, without one a bare matrix `[width, embed_dim]`. */
	readonly projectionBias: boolean;
}

/** Facts of a text tower that leave no trace in names and shapes. */
export const TEXT_HIDDEN = ["heads", "eps"] as const satisfies readonly (keyof TextTower)[];

/** By fact, a tensor whose shape tells it; `{last}` stands for the last block. */
export const TEXT_CARRIERS = {
	contextLength: "positional_embedding",
	vocabularySize: "token_embedding.weight",
	width: "token_embedding.weight",
	layers: "transformer.resblocks.{last}.ln_1.weight",
	mlpWidth: "transformer.resblocks.0.mlp.c_fc.weight",
	projectionBias: "text_projection",
} as const satisfies Partial<Record<keyof TextTower, string>>;

/** A text tower as far as shapes tell it. */
export type VisibleText = Omit<TextTower, (typeof TEXT_HIDDEN)[number]>;

/** Prefix of the text tower's names: OpenCLIP's `CustomTextCLIP` keeps it in a module of its own. */
export function textPrefix(customText: boolean): string {
	return customText ? "text." : "";
}

/** Layers of a text tower of `embedDim` features under `prefix`, in the order of open_clip's `CLIP`. */
export function textLayers(text: TextTower, embedDim: number, prefix: string): readonly Layer[] {
	const { width, contextLength } = text;
	const name = `${prefix}text_projection`;
	return [
		parameter(`${prefix}positional_embedding`, [contextLength, width]),
		...(text.projectionBias ? [] : [projection(name, width, embedDim)]),
		...transformerLayers(prefix, text, contextLength),
		parameter(`${prefix}token_embedding.weight`, [text.vocabularySize, width]),
		layerNorm(`${prefix}ln_final`, width, contextLength),
		...(text.projectionBias ? [linear({ name, inputs: width, outputs: embedDim, rows: 1 })] : []),
	];
}

/** A text tower under `prefix`, and the number of features it ends in, from its tensors. */
export function inferText(shapes: Shapes, prefix: string): { text: VisibleText; embedDim: number } {
	const name = `${prefix}text_projection`;
	const projectionBias = shapes.has(`${name}.weight`);
	return {
		text: {
			contextLength: shapes.dimension(`${prefix}positional_embedding`, 0),
			vocabularySize: shapes.dimension(`${prefix}token_embedding.weight`, 0),
			width: shapes.dimension(`${prefix}token_embedding.weight`, 1),
			projectionBias,
			...inferTransformer(shapes, prefix),
		},
		embedDim: projectionBias ? shapes.dimension(`${name}.weight`, 0) : shapes.dimension(name, 1),
	};
}
