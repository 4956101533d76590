import type { ConvNextVision } from "../../architectures/convnext.ts";
import type { Value } from "../graph.ts";
import { add, convolution, gelu, layerNorm, linear, type Network, parameter, reshape, transpose } from "../network.ts";

/** Strides, which are the kernels too, and the depthwise 7×7's padding. Source: timm/models/convnext.py @ aa4b5850. */
const STEM_STRIDE = 4;
const DOWNSAMPLE_STRIDE = 2;
const DEPTHWISE_PADDING = 3;

/** A map of features `[n, width, side, side]`. */
interface FeatureMap {
	readonly value: Value;
	readonly width: number;
	readonly side: number;
}

/** Pixels `[n, 3, imageSize, imageSize]` → features `[n, embedDim]`; QuickGELU never reaches this tower. */
export function convNext(network: Network, pixels: Value, vision: ConvNextVision): Value {
	const { depths, dims, imageSize, eps } = vision;
	let map: FeatureMap = {
		value: convolution(network, pixels, "visual.trunk.stem.0", { stride: STEM_STRIDE }),
		width: dims[0],
		side: Math.floor(imageSize / STEM_STRIDE),
	};
	map = { ...map, value: channelNorm(network, map.value, "visual.trunk.stem.1", eps) };
	for (const [stage, depth] of depths.entries()) {
		const name = `visual.trunk.stages.${stage}`;
		if (stage > 0) map = downsample(network, map, `${name}.downsample`, { width: dims[stage] ?? 0, eps });
		for (let index = 0; index < depth; index++) map = block(network, map, `${name}.blocks.${index}`, eps);
	}
	// The norm comes after the pooling, unlike in the first ConvNeXt's own code.
	const pooled = reshape(network, network.graph.node("GlobalAveragePool", [map.value]), -1, map.width);
	return head(network, layerNorm(network, pooled, "visual.trunk.head.norm", eps), vision);
}

/** LayerNorm over the channels of `[n, channels, height, width]`. */
function channelNorm(network: Network, x: Value, name: string, eps: number): Value {
	return transpose(network, layerNorm(network, transpose(network, x, 0, 2, 3, 1), name, eps), 0, 3, 1, 2);
}

function downsample(
	network: Network,
	map: FeatureMap,
	name: string,
	{ width, eps }: { readonly width: number; readonly eps: number },
): FeatureMap {
	const normed = channelNorm(network, map.value, `${name}.0`, eps);
	return {
		value: convolution(network, normed, `${name}.1`, { stride: DOWNSAMPLE_STRIDE }),
		width,
		side: Math.floor(map.side / DOWNSAMPLE_STRIDE),
	};
}

/** `x += gamma · mlp(norm(depthwise x))`, the MLP pixel by pixel. */
function block(network: Network, map: FeatureMap, name: string, eps: number): FeatureMap {
	const { width, side } = map;
	const mixed = convolution(network, map.value, `${name}.conv_dw`, { padding: DEPTHWISE_PADDING, groups: width });
	const normed = layerNorm(network, transpose(network, mixed, 0, 2, 3, 1), `${name}.norm`, eps);
	const hidden = gelu(network, linear(network, reshape(network, normed, -1, width), `${name}.mlp.fc1`));
	const rows = linear(network, hidden, `${name}.mlp.fc2`);
	const scaled = network.graph.node("Mul", [rows, parameter(network, `${name}.gamma`)]);
	const change = transpose(network, reshape(network, scaled, -1, side, side, width), 0, 3, 1, 2);
	return { ...map, value: add(network, map.value, change) };
}

function head(network: Network, x: Value, { head, headBias: bias }: ConvNextVision): Value {
	if (head === "linear") return linear(network, x, "visual.head.proj", { bias });
	return linear(network, gelu(network, linear(network, x, "visual.head.mlp.fc1")), "visual.head.mlp.fc2", { bias });
}
