import type { Architecture } from "../architectures/architecture.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { findSessionFiles } from "../checkpoint/session-files.ts";
import { Graph, type Value } from "./graph.ts";
import type { Network } from "./network.ts";
import { convNext } from "./towers/convnext.ts";
import { resNet } from "./towers/resnet.ts";
import { text } from "./towers/text.ts";
import { vit } from "./towers/vit.ts";
import { weightsOf } from "./weights.ts";

/** Names of the inputs and outputs of the graphs. */
export const GRAPH_NAMES = {
	image: { input: "pixel_values", output: "image_features" },
	text: { input: "input_ids", output: "text_features" },
} as const;

/** A tower that has a graph. */
export type GraphTower = keyof typeof GRAPH_NAMES;

/** The forward pass of one tower as an ONNX model whose weights stay in the model's own files. */
export interface TowerGraph {
	readonly tower: GraphTower;
	/** The `.onnx` file: some kilobytes. */
	readonly bytes: Uint8Array;
	/** Folder that the locations of the weights are relative to. */
	readonly folder: string;
	/** One image or text: `[3, imageSize, imageSize]` float32, or `[contextLength]` int64. */
	readonly inputShape: readonly number[];
	/** Features that come out for each, before they are normalised. */
	readonly features: number;
	/** Canonical names of the tensors that take part. */
	readonly tensors: ReadonlySet<string>;
}

/**
 * Builds the graph of a tower from headers alone: no weight is read.
 *
 * Features are those of open_clip's `encode_image` and `encode_text`, not normalised; the batch is free.
 * @throws {ClipSoupError} ERR_TENSOR_MISSING, ERR_TENSOR_DTYPE, ERR_INPUT_CHANGED, ERR_INPUT_UNREADABLE
 */
export async function buildTowerGraph(
	model: ClipModel,
	architecture: Architecture,
	tower: GraphTower,
): Promise<TowerGraph> {
	const files = await findSessionFiles(model, tower);
	const graph = new Graph(GRAPH_NAMES[tower].output);
	const weights = weightsOf(model, files);
	const inputShape = tower === "image" ? imageShape(architecture) : [architecture.text.contextLength];
	const input = graph.input(GRAPH_NAMES[tower].input, tower === "image" ? "FLOAT" : "INT64", inputShape);
	const build = tower === "image" ? imageFeatures : textFeatures;
	graph.output(GRAPH_NAMES[tower].output, build({ graph, weights }, input, architecture), [architecture.embedDim]);
	const { embedDim: features } = architecture;
	return { tower, bytes: graph.toBytes(), folder: files.folder, inputShape, features, tensors: weights.used };
}

function imageShape({ vision: { imageSize } }: Architecture): readonly number[] {
	return [3, imageSize, imageSize];
}

function imageFeatures(network: Network, pixels: Value, { vision, quickGelu }: Architecture): Value {
	switch (vision.family) {
		case "vit":
			return vit(network, pixels, vision, { quickGelu });
		case "convnext":
			return convNext(network, pixels, vision);
		case "resnet":
			return resNet(network, pixels, vision);
	}
}

function textFeatures(network: Network, ids: Value, { text: tower, quickGelu }: Architecture): Value {
	return text(network, ids, tower, { quickGelu });
}
