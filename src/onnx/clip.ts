import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { TextTower } from "../architectures/text.ts";
import type { Vision } from "../architectures/vision.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { findSessionFiles, type SessionFiles } from "../checkpoint/session-files.ts";
import { Graph, type Value } from "./graph.ts";
import type { Network } from "./network.ts";
import { convNext } from "./towers/convnext.ts";
import { jointLogits } from "./towers/joint.ts";
import { resNet } from "./towers/resnet.ts";
import { text } from "./towers/text.ts";
import { vit } from "./towers/vit.ts";
import { weightsOf } from "./weights.ts";

/** Names of the inputs and outputs of the graphs, and of their free dimension. */
export const GRAPH_NAMES = {
	image: { input: "pixel_values", output: "image_features", batch: "images" },
	text: { input: "input_ids", output: "text_features", batch: "texts" },
} as const;

/** A tower that has a graph. */
export type GraphTower = keyof typeof GRAPH_NAMES;

/** Towers that have a graph, in the order in which they run. */
export const GRAPH_TOWERS: readonly GraphTower[] = ["image", "text"];

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
	architecture: PartialArchitecture,
	tower: GraphTower,
): Promise<TowerGraph> {
	const files = await findSessionFiles(model, [tower]);
	const network = { graph: new Graph(GRAPH_NAMES[tower].output), weights: weightsOf(model, files) };
	addTower(network, architecture, tower);
	return {
		tower,
		bytes: network.graph.toBytes(),
		folder: files.folder,
		inputShape: inputShapeOf(architecture, tower),
		features: architecture.embedDim,
		tensors: network.weights.used,
	};
}

/** Name of the output that a graph of both towers has besides their features. */
const LOGITS = "logits_per_image";

/**
 * The `.onnx` file of some towers, in one graph; of both with `logits_per_image`, if the model has a temperature.
 *
 * @param files where the weights lie, which need not be where they are read from
 * @throws {ClipSoupError} ERR_TENSOR_MISSING, ERR_TENSOR_DTYPE
 */
export function buildClipGraph(
	model: ClipModel,
	architecture: PartialArchitecture,
	towers: readonly GraphTower[],
	files: SessionFiles,
): Uint8Array {
	const network = { graph: new Graph("clip"), weights: weightsOf(model, files) };
	const [image, text] = towers.map((tower) => addTower(network, architecture, tower));
	const hasTemperature = [...model.tensors, ...model.carried].some(({ name }) => name === "logit_scale");
	if (image !== undefined && text !== undefined && hasTemperature) {
		const logits = jointLogits(network, image, text, architecture);
		network.graph.output(LOGITS, logits, [GRAPH_NAMES.image.batch, GRAPH_NAMES.text.batch]);
	}
	return network.graph.toBytes();
}

/** Adds a tower with its input and its output, the features. */
function addTower(network: Network, architecture: PartialArchitecture, tower: GraphTower): Value {
	const { input, output, batch } = GRAPH_NAMES[tower];
	const { graph } = network;
	const given = graph.input(input, tower === "image" ? "FLOAT" : "INT64", [
		batch,
		...inputShapeOf(architecture, tower),
	]);
	const build = tower === "image" ? imageFeatures : textFeatures;
	return graph.output(output, build(network, given, architecture), [batch, architecture.embedDim]);
}

function inputShapeOf(architecture: PartialArchitecture, tower: GraphTower): readonly number[] {
	if (tower === "text") return [textOf(architecture).contextLength];
	const { imageSize } = visionOf(architecture);
	return [3, imageSize, imageSize];
}

function imageFeatures(network: Network, pixels: Value, architecture: PartialArchitecture): Value {
	const vision = visionOf(architecture);
	switch (vision.family) {
		case "vit":
			return vit(network, pixels, vision, { quickGelu: architecture.quickGelu });
		case "convnext":
			return convNext(network, pixels, vision);
		case "resnet":
			return resNet(network, pixels, vision);
	}
}

function textFeatures(network: Network, ids: Value, architecture: PartialArchitecture): Value {
	return text(network, ids, textOf(architecture), { quickGelu: architecture.quickGelu });
}

export function visionOf({ vision }: PartialArchitecture): Vision {
	if (vision === undefined) throw new RangeError("An image tower was asked for of an architecture that has none");
	return vision;
}

export function textOf({ text: tower }: PartialArchitecture): TextTower {
	if (tower === undefined) throw new RangeError("A text tower was asked for of an architecture that has none");
	return tower;
}
