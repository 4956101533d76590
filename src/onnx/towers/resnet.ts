import { BATCH_NORM_EPS, featuresOf, RESNET_STRIDE, type ResNetVision } from "../../architectures/resnet.ts";
import type { Value } from "../graph.ts";
import { add, convolution, linear, type Network, parameter, reshape, token, transpose } from "../network.ts";
import { attend } from "./attention.ts";

/** Pixels `[n, 3, imageSize, imageSize]` → features `[n, embedDim]`; QuickGELU never reaches this tower. */
export function resNet(network: Network, pixels: Value, vision: ResNetVision): Value {
	let x = normed(network, pixels, "visual.", "1", { stride: 2, padding: 1 });
	x = normed(network, relu(network, x), "visual.", "2", { padding: 1 });
	x = normed(network, relu(network, x), "visual.", "3", { padding: 1 });
	x = halve(network, relu(network, x));
	for (const [stage, blocks] of vision.layers.entries()) {
		for (let index = 0; index < blocks; index++) {
			const isHalving = stage > 0 && index === 0;
			x = bottleneck(network, x, `visual.layer${stage + 1}.${index}.`, { isHalving, isFirst: index === 0 });
		}
	}
	return attentionPool(network, x, vision);
}

/** Antialiased: an average pool halves the map, in the block and beside it, instead of a convolution's stride. */
function bottleneck(
	network: Network,
	x: Value,
	name: string,
	{ isHalving, isFirst }: { readonly isHalving: boolean; readonly isFirst: boolean },
): Value {
	const narrow = relu(network, normed(network, x, name, "1", {}));
	const mixed = relu(network, normed(network, narrow, name, "2", { padding: 1 }));
	const wide = normed(network, isHalving ? halve(network, mixed) : mixed, name, "3", {});
	return relu(network, add(network, wide, isFirst ? shortcut(network, x, `${name}downsample`, isHalving) : x));
}

function shortcut(network: Network, x: Value, name: string, isHalving: boolean): Value {
	const pooled = isHalving ? halve(network, x) : x;
	return batchNorm(network, convolution(network, pooled, `${name}.0`, { bias: false }), `${name}.1`);
}

/** Convolution `conv{index}` and BatchNorm `bn{index}`. */
function normed(
	network: Network,
	x: Value,
	prefix: string,
	index: string,
	options: { readonly stride?: number; readonly padding?: number },
): Value {
	const out = convolution(network, x, `${prefix}conv${index}`, { ...options, bias: false });
	return batchNorm(network, out, `${prefix}bn${index}`);
}

/** With the running statistics. */
function batchNorm(network: Network, x: Value, name: string): Value {
	const tensors = ["weight", "bias", "running_mean", "running_var"].map((part) =>
		parameter(network, `${name}.${part}`),
	);
	return network.graph.node("BatchNormalization", [x, ...tensors], { epsilon: { float: BATCH_NORM_EPS } });
}

function relu({ graph }: Network, x: Value): Value {
	return graph.node("Relu", [x]);
}

function halve({ graph }: Network, x: Value): Value {
	return graph.node("AveragePool", [x], { kernel_shape: [2, 2], strides: [2, 2] });
}

/** Attention of the mean pixel, with a place of its own before the others, over itself and all pixels. */
function attentionPool(network: Network, x: Value, { width, imageSize, heads }: ResNetVision): Value {
	const { graph } = network;
	const features = featuresOf(width);
	const pixels = Math.floor(imageSize / RESNET_STRIDE) ** 2;
	const body = transpose(network, reshape(network, x, -1, features, pixels), 0, 2, 1);
	const mean = graph.node("ReduceMean", [body, graph.integers(1)], { keepdims: 1 });
	const tokens = graph.node("Concat", [mean, body], { axis: 1 });
	const placed = add(network, tokens, parameter(network, "visual.attnpool.positional_embedding"));
	const rows = reshape(network, placed, -1, features);
	const q = linear(network, token(network, placed, 0), "visual.attnpool.q_proj");
	const k = linear(network, rows, "visual.attnpool.k_proj");
	const v = linear(network, rows, "visual.attnpool.v_proj");
	const pooled = attend(network, { q, k, v }, { width: features, heads, queries: 1, keys: pixels + 1 });
	return linear(network, pooled, "visual.attnpool.c_proj");
}
