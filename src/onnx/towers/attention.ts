import type { Value } from "../graph.ts";
import { add, type Network, reshape, transpose } from "../network.ts";

/** Sizes of one attention: `queries` and `keys` are numbers of tokens. */
export interface AttentionSize {
	readonly width: number;
	readonly heads: number;
	readonly queries: number;
	readonly keys: number;
}

/**
 * `softmax(q·kᵀ / √(width / heads) + mask) · v`, head by head.
 *
 * Shapes: `q` is `[n·queries, width]`, `k` and `v` are `[n·keys, width]`, the result is `[n·queries, width]`.
 */
export function attend(
	network: Network,
	{ q, k, v, mask }: { readonly q: Value; readonly k: Value; readonly v: Value; readonly mask?: Value | undefined },
	{ width, heads, queries, keys }: AttentionSize,
): Value {
	const { graph } = network;
	const headWidth = width / heads;
	const split = (x: Value, tokens: number) => reshape(network, x, -1, tokens, heads, headWidth);
	const scaled = graph.node("Mul", [transpose(network, split(q, queries), 0, 2, 1, 3), graph.float(headWidth ** -0.5)]);
	const scores = graph.node("MatMul", [scaled, transpose(network, split(k, keys), 0, 2, 3, 1)]);
	const shares = graph.node("Softmax", [mask === undefined ? scores : add(network, scores, mask)], { axis: -1 });
	const mixed = graph.node("MatMul", [shares, transpose(network, split(v, keys), 0, 2, 1, 3)]);
	return reshape(network, transpose(network, mixed, 0, 2, 1, 3), -1, width);
}
