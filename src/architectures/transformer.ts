import { attention, type Layer, layerNorm, linear } from "./layers.ts";
import type { Shapes } from "./shapes.ts";

/** Numbers of a stack of pre-norm residual attention blocks. */
export interface TransformerSize {
	readonly width: number;
	readonly layers: number;
	readonly heads: number;
	readonly mlpWidth: number;
}

/** Default of `mlp_ratio` in both towers. Source: CLIPVisionCfg and CLIPTextCfg, src/open_clip/model.py @ 89fb801f. */
export const MLP_RATIO = 4;

/** epsilon of torch's LayerNorm, which `norm_kwargs` may replace. */
export const LAYER_NORM_EPS = 1e-5;

/** All blocks under `prefix`, over `rows` tokens. */
export function transformerLayers(prefix: string, size: TransformerSize, rows: number): readonly Layer[] {
	const { width, mlpWidth, heads } = size;
	return Array.from({ length: size.layers }, (_, index) => {
		const block = `${prefix}transformer.resblocks.${index}`;
		return [
			layerNorm(`${block}.ln_1`, width, rows),
			linear({ name: `${block}.attn.in_proj`, inputs: width, outputs: 3 * width, rows, separator: "_" }),
			attention(width, heads, rows),
			linear({ name: `${block}.attn.out_proj`, inputs: width, outputs: width, rows }),
			layerNorm(`${block}.ln_2`, width, rows),
			linear({ name: `${block}.mlp.c_fc`, inputs: width, outputs: mlpWidth, rows }),
			linear({ name: `${block}.mlp.c_proj`, inputs: mlpWidth, outputs: width, rows }),
		];
	}).flat();
}

/** Number of blocks under `prefix` and the width of their MLPs; the number of heads leaves no trace in shapes. */
export function inferTransformer(shapes: Shapes, prefix: string): { layers: number; mlpWidth: number } {
	const blocks = `${prefix}transformer.resblocks`;
	return {
		layers: shapes.count((index) => `${blocks}.${index}.ln_1.weight`),
		mlpWidth: shapes.dimension(`${blocks}.0.mlp.c_fc.weight`, 0),
	};
}

/** `int(width * ratio)` of open_clip: both languages multiply in float64 and truncate. */
export function mlpWidthOf(width: number, ratio: number): number {
	return Math.trunc(width * ratio);
}

/** open_clip writes ratios of four decimals: 4.3637, 4.9231. */
const RATIO_UNIT = 1e4;

/**
 * A `mlp_ratio` that truncates back to `mlpWidth`: with four decimals, rounded up, where that does it.
 *
 * Otherwise from the middle of the ratios that do, away from rounding: `int(100 * 16.08)` is 1607.
 */
export function mlpRatioOf(width: number, mlpWidth: number): number {
	const short = Math.ceil((mlpWidth / width) * RATIO_UNIT) / RATIO_UNIT;
	return mlpWidthOf(width, short) === mlpWidth ? short : (mlpWidth + 0.5) / width;
}
