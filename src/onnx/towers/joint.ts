import type { PartialArchitecture } from "../../architectures/architecture.ts";
import type { Value } from "../graph.ts";
import { LENGTH_EPS } from "../logits.ts";
import { add, type Network, parameter, transpose } from "../network.ts";

/** `exp(logit_scale) · cos(image, text) + logit_bias`, `[images, texts]`, of features that are not normalised. */
export function jointLogits(network: Network, images: Value, texts: Value, { logitBias }: PartialArchitecture): Value {
	const { graph } = network;
	const [image, text] = [normalised(network, images), normalised(network, texts)];
	const cosines = graph.node("MatMul", [image, transpose(network, text, 1, 0)]);
	const scaled = graph.node("Mul", [cosines, graph.node("Exp", [parameter(network, "logit_scale")])]);
	return logitBias ? add(network, scaled, parameter(network, "logit_bias")) : scaled;
}

function normalised({ graph }: Network, rows: Value): Value {
	const length = graph.node("ReduceL2", [rows, graph.integers(1)], { keepdims: 1 });
	return graph.node("Div", [rows, graph.node("Max", [length, graph.float(LENGTH_EPS)])]);
}
