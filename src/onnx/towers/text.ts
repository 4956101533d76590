import type { TextTower } from "../../architectures/text.ts";
import type { Graph, Value } from "../graph.ts";
import { DATA_TYPES } from "../messages.ts";
import { add, layerNorm, linear, lookUp, type Network, parameter, project } from "../network.ts";
import { transformer } from "./transformer.ts";

/** Token ids `[n, contextLength]` → features `[n, embedDim]`. */
export function text(network: Network, ids: Value, tower: TextTower, options: { readonly quickGelu: boolean }): Value {
	const { contextLength, eps, projectionBias } = tower;
	const embedded = lookUp(network, "token_embedding.weight", ids);
	const placed = add(network, embedded, parameter(network, "positional_embedding"));
	const mask = causalMask(network.graph, contextLength);
	const out = transformer(network, placed, { ...tower, ...options, prefix: "", tokens: contextLength, mask });
	// ln_final works row by row: after the pooling it gives the same, on one row instead of all.
	const pooled = layerNorm(network, endOfText(network.graph, out, ids), "ln_final", eps);
	return projectionBias ? linear(network, pooled, "text_projection") : project(network, pooled, "text_projection");
}

/** −∞ above the diagonal, which softmax turns into 0: no token sees a later one. */
function causalMask(graph: Graph, tokens: number): Value {
	const values = Array.from({ length: tokens ** 2 }, (_, index) =>
		index % tokens > Math.floor(index / tokens) ? Number.NEGATIVE_INFINITY : 0,
	);
	return graph.floats("causal mask", [tokens, tokens], values);
}

/** The token at the first of the largest ids of each text: its end mark is the last of the vocabulary. */
function endOfText(graph: Graph, tokens: Value, ids: Value): Value {
	// ONNX Runtime has no ArgMax of INT64 on a CPU.
	const narrow = graph.node("Cast", [ids], { to: DATA_TYPES.INT32 });
	const places = graph.node("ArgMax", [narrow], { axis: 1, keepdims: 1, select_last_index: 0 });
	return graph.node("GatherND", [tokens, places], { batch_dims: 1 });
}
