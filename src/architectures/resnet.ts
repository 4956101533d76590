import { attention, batchNorm, convolution, type Layer, linear, parameter } from "./layers.ts";
import type { Shapes } from "./shapes.ts";
import { type FourStages, perStage } from "./stages.ts";

/** OpenAI's modified ResNet: three stem convolutions, antialiased bottlenecks, attention pooling. */
export interface ResNetVision {
	readonly family: "resnet";
	readonly imageSize: number;
	/** Blocks of each stage. */
	readonly layers: FourStages;
	/** Channels after the stem; the last stage ends with 32 times as many. */
	readonly width: number;
	/** Heads of the attention pool. */
	readonly heads: number;
}

/** Facts of a ResNet that leave no trace in names and shapes. */
export const RESNET_HIDDEN = ["heads"] as const satisfies readonly (keyof ResNetVision)[];

/** By fact, a tensor that tells it by its name or shape, of several the first. */
export const RESNET_CARRIERS = {
	imageSize: "visual.attnpool.positional_embedding",
	layers: "visual.layer1.0.conv1.weight",
	width: "visual.conv3.weight",
} as const satisfies Partial<Record<keyof ResNetVision, string>>;

/** A ResNet as far as shapes tell it. */
export type VisibleResNet = Omit<ResNetVision, (typeof RESNET_HIDDEN)[number]>;

/** epsilon of torch's BatchNorm, which no config changes. */
export const BATCH_NORM_EPS = 1e-5;

/** Channels of a bottleneck's output over those within. Source: src/open_clip/modified_resnet.py @ 89fb801f. */
const EXPANSION = 4;

/** Features of the last stage over `width`. Source: as above. */
const FEATURE_RATIO = 32;

/** Side of the image over the side of the last stage's map. Source: as above. */
export const RESNET_STRIDE = 32;

/** Features of the last stage, which the attention pool works on. */
export function featuresOf(width: number): number {
	return FEATURE_RATIO * width;
}

interface Stage {
	readonly name: string;
	readonly blocks: number;
	readonly inputs: number;
	/** Channels within a bottleneck. */
	readonly planes: number;
	/** Pixels before and after the first block, which carries the stride. */
	readonly positions: { readonly before: number; readonly after: number };
}

/** Layers of a ResNet of `embedDim` features, in open_clip's order of tensors. */
export function resNetLayers(vision: ResNetVision, embedDim: number): readonly Layer[] {
	const { width, imageSize } = vision;
	const stages = perStage<Stage>((stage) => ({
		name: `visual.layer${stage + 1}`,
		blocks: vision.layers[stage],
		inputs: stage === 0 ? width : EXPANSION * width * 2 ** (stage - 1),
		planes: width * 2 ** stage,
		positions: {
			before: (imageSize / (stage === 0 ? 4 : 2 ** (stage + 1))) ** 2,
			after: (imageSize / 2 ** (stage + 2)) ** 2,
		},
	}));
	return [...stemLayers(vision), ...stages.flatMap(stageLayers), ...poolLayers(vision, embedDim)];
}

/** Three 3×3 convolutions at half the image's side; an average pool then halves it again. */
function stemLayers({ width, imageSize }: ResNetVision): readonly Layer[] {
	const half = Math.floor(width / 2);
	const positions = (imageSize / 2) ** 2;
	return [
		...normedConvolution("visual.", "1", { inputs: 3, outputs: half, kernel: 3, positions }),
		...normedConvolution("visual.", "2", { inputs: half, outputs: half, kernel: 3, positions }),
		...normedConvolution("visual.", "3", { inputs: half, outputs: width, kernel: 3, positions }),
	];
}

/** Bottlenecks of which the first widens and, by an average pool before its last convolution, halves the map. */
function stageLayers({ name, blocks, inputs, planes, positions }: Stage): readonly Layer[] {
	const outputs = EXPANSION * planes;
	return Array.from({ length: blocks }, (_, index) => {
		const block = `${name}.${index}.`;
		const isFirst = index === 0;
		const before = isFirst ? positions.before : positions.after;
		const entering = isFirst ? inputs : outputs;
		return [
			...normedConvolution(block, "1", { inputs: entering, outputs: planes, kernel: 1, positions: before }),
			...normedConvolution(block, "2", { inputs: planes, outputs: planes, kernel: 3, positions: before }),
			...normedConvolution(block, "3", { inputs: planes, outputs, kernel: 1, positions: positions.after }),
			...(isFirst ? shortcutLayers(`${block}downsample`, inputs, outputs, positions.after) : []),
		];
	}).flat();
}

function shortcutLayers(name: string, inputs: number, outputs: number, positions: number): readonly Layer[] {
	return [
		convolution({ name: `${name}.0`, inputs, outputs, kernel: 1, positions, bias: false }),
		batchNorm(`${name}.1`, outputs, positions),
	];
}

function normedConvolution(
	prefix: string,
	index: string,
	size: { readonly inputs: number; readonly outputs: number; readonly kernel: number; readonly positions: number },
): readonly Layer[] {
	return [
		convolution({ name: `${prefix}conv${index}`, ...size, bias: false }),
		batchNorm(`${prefix}bn${index}`, size.outputs, size.positions),
	];
}

/** Attention over the map's pixels and their mean; the profile counts every query, the forward pass needs the mean's. */
function poolLayers({ width, imageSize, heads }: ResNetVision, embedDim: number): readonly Layer[] {
	const features = featuresOf(width);
	const rows = (imageSize / RESNET_STRIDE) ** 2 + 1;
	const square = { inputs: features, outputs: features, rows };
	return [
		parameter("visual.attnpool.positional_embedding", [rows, features]),
		linear({ name: "visual.attnpool.k_proj", ...square }),
		linear({ name: "visual.attnpool.q_proj", ...square }),
		linear({ name: "visual.attnpool.v_proj", ...square }),
		attention(features, heads, rows),
		linear({ name: "visual.attnpool.c_proj", inputs: features, outputs: embedDim, rows }),
	];
}

/** A ResNet from its tensors; the image is as many strides wide as the positional embedding has places. */
export function inferResNet(shapes: Shapes): VisibleResNet {
	return {
		family: "resnet",
		imageSize: shapes.gridSide("visual.attnpool.positional_embedding") * RESNET_STRIDE,
		layers: perStage((stage) => shapes.count((index) => `visual.layer${stage + 1}.${index}.conv1.weight`)),
		width: shapes.dimension("visual.conv3.weight", 0),
	};
}

/** `ResNet 3,4,6,3×64`: depths and width. */
export function resNetLabel({ layers, width }: ResNetVision): string {
	return `ResNet ${layers.join(",")}×${width}`;
}
