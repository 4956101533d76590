import type { TransformerSize } from "../../architectures/transformer.ts";
import type { Value } from "../graph.ts";
import { add, gelu, layerNorm, linear, linearPart, type Network, quickGelu, reshape } from "../network.ts";
import { attend } from "./attention.ts";

/** A stack of blocks, and how they compute. */
export interface Transformer extends TransformerSize {
	/** Of the blocks' names: `visual.` or nothing. */
	readonly prefix: string;
	readonly tokens: number;
	readonly eps: number;
	readonly quickGelu: boolean;
	/** Added to the scores of every attention. */
	readonly mask?: Value;
}

/** Pre-norm residual blocks: `x += attention(ln_1 x)`, then `x += mlp(ln_2 x)`; `x` is `[n, tokens, width]`. */
export function transformer(network: Network, x: Value, options: Transformer): Value {
	const { prefix, layers, width, tokens } = options;
	let rows = reshape(network, x, -1, width);
	for (let index = 0; index < layers; index++) {
		const block = `${prefix}transformer.resblocks.${index}`;
		rows = add(
			network,
			rows,
			selfAttention(network, layerNorm(network, rows, `${block}.ln_1`, options.eps), `${block}.attn`, options),
		);
		rows = add(
			network,
			rows,
			mlp(network, layerNorm(network, rows, `${block}.ln_2`, options.eps), `${block}.mlp`, options),
		);
	}
	return reshape(network, rows, -1, tokens, width);
}

function selfAttention(network: Network, x: Value, name: string, options: Transformer): Value {
	const { width, heads, tokens, mask } = options;
	const [q, k, v] = [
		inProjection(network, x, name, 0),
		inProjection(network, x, name, 1),
		inProjection(network, x, name, 2),
	];
	const mixed = attend(network, { q, k, v, mask }, { width, heads, queries: tokens, keys: tokens });
	return linear(network, mixed, `${name}.out_proj`);
}

/** One of q, k and v: a third of the fused rows, whether a layout keeps them in one matrix or in three. */
function inProjection(network: Network, x: Value, name: string, index: 0 | 1 | 2): Value {
	return linearPart(network, x, `${name}.in_proj`, index, 3);
}

function mlp(network: Network, x: Value, name: string, options: Transformer): Value {
	const hidden = linear(network, x, `${name}.c_fc`);
	return linear(network, options.quickGelu ? quickGelu(network, hidden) : gelu(network, hidden), `${name}.c_proj`);
}
