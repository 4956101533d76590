import { convolution, globalAveragePool, type Layer, layerNorm, linear, parameter } from "./layers.ts";
import type { Shapes } from "./shapes.ts";
import { type FourStages, perStage } from "./stages.ts";
import { isRegisteredSize, TIMM_CONVNEXTS, type TimmConvNextName } from "./timm-convnexts.ts";

/** A timm ConvNeXt trunk under OpenCLIP's projection head. */
export interface ConvNextVision {
	readonly family: "convnext";
	readonly timmModelName: TimmConvNextName;
	readonly imageSize: number;
	/** Blocks of each stage. */
	readonly depths: FourStages;
	/** Channels of each stage. */
	readonly dims: FourStages;
	/** epsilon of every LayerNorm of the trunk. */
	readonly eps: number;
	readonly head: "linear" | "mlp";
	/** Whether the last matrix of the head has a bias. */
	readonly headBias: boolean;
}

/** Facts of a ConvNeXt that leave no trace in names and shapes. */
export const CONVNEXT_HIDDEN = [
	"timmModelName",
	"imageSize",
	"eps",
] as const satisfies readonly (keyof ConvNextVision)[];

/** By fact, a tensor that tells it by its name or shape, of several the first. */
export const CONVNEXT_CARRIERS = {
	depths: "visual.trunk.stages.0.blocks.0.gamma",
	dims: "visual.trunk.stages.0.blocks.0.gamma",
} as const satisfies Partial<Record<keyof ConvNextVision, string>>;

/** A ConvNeXt as far as shapes tell it. */
export type VisibleConvNext = Omit<ConvNextVision, (typeof CONVNEXT_HIDDEN)[number]>;

/** Kernels and MLP ratio of every ConvNeXt; the stem's stride is its kernel. Source: timm/models/convnext.py @ aa4b5850. */
const STEM_KERNEL = 4;
const DOWNSAMPLE_KERNEL = 2;
const DEPTHWISE_KERNEL = 7;
const MLP_RATIO = 4;

/** Side of the image over the side of the last stage's map. */
export const CONVNEXT_STRIDE = STEM_KERNEL * DOWNSAMPLE_KERNEL ** 3;

/** Hidden width of the `mlp` head over `embed_dim`. Source: src/open_clip/timm_model.py @ 89fb801f. */
const HEAD_MLP_RATIO = 2;

interface Stage {
	readonly name: string;
	readonly width: number;
	readonly depth: number;
	readonly positions: number;
}

/** Layers of a ConvNeXt of `embedDim` features, in open_clip's order of tensors. */
export function convNextLayers(vision: ConvNextVision, embedDim: number): readonly Layer[] {
	// Each stage after the first halves the side of the map; a remainder is cut off.
	const stages = perStage<Stage>((stage) => ({
		name: `visual.trunk.stages.${stage}`,
		width: vision.dims[stage],
		depth: vision.depths[stage],
		positions: Math.floor(vision.imageSize / (STEM_KERNEL * DOWNSAMPLE_KERNEL ** stage)) ** 2,
	}));
	const [first, , , last] = stages;
	return [
		convolution({
			name: "visual.trunk.stem.0",
			inputs: 3,
			outputs: first.width,
			kernel: STEM_KERNEL,
			positions: first.positions,
			bias: true,
		}),
		layerNorm("visual.trunk.stem.1", first.width, first.positions),
		...stages.flatMap((stage, index) => [...downsampleLayers(stage, stages[index - 1]), ...blockLayers(stage)]),
		globalAveragePool(last.width * last.positions),
		layerNorm("visual.trunk.head.norm", last.width, 1),
		...headLayers(vision, last.width, embedDim),
	];
}

function downsampleLayers(stage: Stage, previous: Stage | undefined): readonly Layer[] {
	if (previous === undefined) return [];
	return [
		layerNorm(`${stage.name}.downsample.0`, previous.width, previous.positions),
		convolution({
			name: `${stage.name}.downsample.1`,
			inputs: previous.width,
			outputs: stage.width,
			kernel: DOWNSAMPLE_KERNEL,
			positions: stage.positions,
			bias: true,
		}),
	];
}

function blockLayers({ name, width, depth, positions }: Stage): readonly Layer[] {
	const hidden = MLP_RATIO * width;
	return Array.from({ length: depth }, (_, index) => {
		const block = `${name}.blocks.${index}`;
		return [
			parameter(`${block}.gamma`, [width]),
			convolution({
				name: `${block}.conv_dw`,
				inputs: 1,
				outputs: width,
				kernel: DEPTHWISE_KERNEL,
				positions,
				bias: true,
			}),
			layerNorm(`${block}.norm`, width, positions),
			linear({ name: `${block}.mlp.fc1`, inputs: width, outputs: hidden, rows: positions }),
			linear({ name: `${block}.mlp.fc2`, inputs: hidden, outputs: width, rows: positions }),
		];
	}).flat();
}

function headLayers({ head, headBias }: ConvNextVision, width: number, embedDim: number): readonly Layer[] {
	const rows = 1;
	if (head === "linear") {
		return [linear({ name: "visual.head.proj", inputs: width, outputs: embedDim, rows, bias: headBias })];
	}
	const hidden = HEAD_MLP_RATIO * embedDim;
	return [
		linear({ name: "visual.head.mlp.fc1", inputs: width, outputs: hidden, rows }),
		linear({ name: "visual.head.mlp.fc2", inputs: hidden, outputs: embedDim, rows, bias: headBias }),
	];
}

/** A ConvNeXt from its tensors. */
export function inferConvNext(shapes: Shapes): VisibleConvNext {
	const blocks = perStage((stage) => `visual.trunk.stages.${stage}.blocks`);
	const head = shapes.has("visual.head.mlp.fc1.weight") ? "mlp" : "linear";
	return {
		family: "convnext",
		depths: perStage((stage) => shapes.count((index) => `${blocks[stage]}.${index}.gamma`)),
		dims: perStage((stage) => shapes.dimension(`${blocks[stage]}.0.gamma`, 0)),
		head,
		headBias: shapes.has(head === "mlp" ? "visual.head.mlp.fc2.bias" : "visual.head.proj.bias"),
	};
}

/** `ConvNeXt-XXLarge`, or `ConvNeXt 1,1,2,1×16,32,64,128`, depths and dims, if they are not those of timm's entry. */
export function convNextLabel(vision: ConvNextVision): string {
	const { timmModelName, depths, dims } = vision;
	if (isRegisteredSize(timmModelName, vision)) return `ConvNeXt-${TIMM_CONVNEXTS[timmModelName].title}`;
	return `ConvNeXt ${depths.join(",")}×${dims.join(",")}`;
}
