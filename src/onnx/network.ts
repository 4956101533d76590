import type { Graph, Value } from "./graph.ts";
import { DATA_TYPES, type DataType } from "./messages.ts";
import type { Weight, Weights } from "./weights.ts";

/** A graph and the weights that it is built with: what each tower's data flow is written in. */
export interface Network {
	readonly graph: Graph;
	readonly weights: Weights;
}

/** A weight as float32, in the shape it is stored in. */
export function float({ graph }: Network, { name, dataType, shape, data }: Weight): Value {
	const stored = graph.tensor(name, dataType, shape, data);
	return dataType === "FLOAT" ? stored : graph.node("Cast", [stored], { to: DATA_TYPES.FLOAT });
}

/** A whole weight that is no matrix to multiply with. */
export function parameter(network: Network, name: string): Value {
	return float(network, network.weights.whole(name));
}

/** Dtypes whose rows can be looked up before they are widened; ONNX's `Gather` knows no F8. */
const GATHERED: ReadonlySet<DataType> = new Set(["FLOAT16", "BFLOAT16", "DOUBLE"]);

/** The rows of a table at `indices`; where that can be, only they are widened, not the table. */
export function lookUp(network: Network, name: string, indices: Value): Value {
	const { graph, weights } = network;
	const weight = weights.whole(name);
	const { dataType, shape, data } = weight;
	if (!GATHERED.has(dataType)) return graph.node("Gather", [float(network, weight), indices], { axis: 0 });
	const rows = graph.node("Gather", [graph.tensor(weight.name, dataType, shape, data), indices], { axis: 0 });
	return graph.node("Cast", [rows], { to: DATA_TYPES.FLOAT });
}

/**
 * `x · weightᵀ + bias` of a Linear, whose weight is `[outputs, inputs]`; `x` is `[rows, inputs]`.
 *
 * `Gemm` with `transB` takes the weight as torch stores it: for a transposed copy ONNX Runtime would fold constants and
 * hold every weight twice.
 */
export function linear(network: Network, x: Value, name: string, { bias = true } = {}): Value {
	const { weights } = network;
	return gemm(network, x, weights.whole(`${name}.weight`), bias ? weights.whole(`${name}.bias`) : undefined);
}

/** `x · weightᵀ + bias` with one of `count` equal parts of a fused Linear's rows, named `{name}_weight`. */
export function linearPart(network: Network, x: Value, name: string, index: number, count: number): Value {
	const { weights } = network;
	return gemm(network, x, weights.part(`${name}_weight`, index, count), weights.part(`${name}_bias`, index, count));
}

/** `x · matrix` with a bare matrix `[inputs, outputs]`; layouts that keep it as a Linear's weight store it transposed. */
export function project(network: Network, x: Value, name: string): Value {
	const matrix = network.weights.whole(name);
	return network.graph.node("Gemm", [x, float(network, matrix)], { transB: matrix.isTransposed ? 1 : 0 });
}

function gemm(network: Network, x: Value, weight: Weight, bias: Weight | undefined): Value {
	const inputs = [x, float(network, weight), ...(bias === undefined ? [] : [float(network, bias)])];
	return network.graph.node("Gemm", inputs, { transB: weight.isTransposed ? 0 : 1 });
}

/** LayerNorm over the last axis. */
export function layerNorm(network: Network, x: Value, name: string, eps: number): Value {
	const inputs = [x, parameter(network, `${name}.weight`), parameter(network, `${name}.bias`)];
	return network.graph.node("LayerNormalization", inputs, { axis: -1, epsilon: { float: eps } });
}

/** A square convolution of `[n, channels, height, width]`. */
export function convolution(
	network: Network,
	x: Value,
	name: string,
	{
		stride = 1,
		padding = 0,
		groups = 1,
		bias = true,
	}: { readonly stride?: number; readonly padding?: number; readonly groups?: number; readonly bias?: boolean },
): Value {
	const inputs = [x, parameter(network, `${name}.weight`), ...(bias ? [parameter(network, `${name}.bias`)] : [])];
	return network.graph.node("Conv", inputs, {
		strides: [stride, stride],
		pads: [padding, padding, padding, padding],
		group: groups,
	});
}

/** GELU by the error function, exactly. */
export function gelu({ graph }: Network, x: Value): Value {
	return graph.node("Gelu", [x]);
}

/** Slope of QuickGELU's logistic. Source: `QuickGELU`, src/open_clip/transformer.py @ 89fb801f. */
const QUICK_GELU_SLOPE = 1.702;

/** `x · σ(1.702 x)`. */
export function quickGelu({ graph }: Network, x: Value): Value {
	return graph.node("Mul", [x, graph.node("Sigmoid", [graph.node("Mul", [x, graph.float(QUICK_GELU_SLOPE)])])]);
}

export function add({ graph }: Network, a: Value, b: Value): Value {
	return graph.node("Add", [a, b]);
}

/** The same elements in another shape; −1 stands for the axis that holds the batch. */
export function reshape({ graph }: Network, x: Value, ...shape: readonly number[]): Value {
	return graph.node("Reshape", [x, graph.integers(...shape)]);
}

/** Reorders the axes. */
export function transpose({ graph }: Network, x: Value, ...axes: readonly number[]): Value {
	return graph.node("Transpose", [x], { perm: axes });
}

/** Token `index` of `[n, tokens, width]`, as `[n, width]`. */
export function token({ graph }: Network, x: Value, index: number): Value {
	const scalar = graph.tensor(`index ${index}`, "INT64", [], {
		bytes: new Uint8Array(BigInt64Array.of(BigInt(index)).buffer),
	});
	return graph.node("Gather", [x, scalar], { axis: 1 });
}
