import type { VitVision } from "../../architectures/vit.ts";
import type { Value } from "../graph.ts";
import {
	add,
	convolution,
	layerNorm,
	type Network,
	parameter,
	project,
	reshape,
	token,
	transpose,
} from "../network.ts";
import { transformer } from "./transformer.ts";

/** Pixels `[n, 3, imageSize, imageSize]` → features `[n, embedDim]`. */
export function vit(
	network: Network,
	pixels: Value,
	vision: VitVision,
	options: { readonly quickGelu: boolean },
): Value {
	const { width, imageSize, patchSize, eps } = vision;
	const patches = (imageSize / patchSize) ** 2;
	const map = convolution(network, pixels, "visual.conv1", { stride: patchSize, bias: false });
	const body = transpose(network, reshape(network, map, -1, width, patches), 0, 2, 1);
	const tokens = network.graph.node("Concat", [classTokens(network, pixels, width), body], { axis: 1 });
	const placed = add(network, tokens, parameter(network, "visual.positional_embedding"));
	const blocks = { ...vision, ...options, prefix: "visual.", tokens: patches + 1 };
	const out = transformer(network, layerNorm(network, placed, "visual.ln_pre", eps), blocks);
	// ln_post works row by row: after the pooling it gives the same, on one row instead of all.
	return project(network, layerNorm(network, token(network, out, 0), "visual.ln_post", eps), "visual.proj");
}

/** The class embedding once for each image: `[n, 1, width]`. */
function classTokens(network: Network, pixels: Value, width: number): Value {
	const { graph } = network;
	const batch = graph.node("Shape", [pixels], { start: 0, end: 1 });
	const shape = graph.node("Concat", [batch, graph.integers(1, width)], { axis: 0 });
	return graph.node("Expand", [parameter(network, "visual.class_embedding"), shape]);
}
