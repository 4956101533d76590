import { ClipSoupError } from "../errors.ts";
import type { Architecture } from "./architecture.ts";
import { CONVNEXT_HIDDEN, inferConvNext, type VisibleConvNext } from "./convnext.ts";
import { inferResNet, RESNET_HIDDEN, type VisibleResNet } from "./resnet.ts";
import { type NamedShape, type Shapes, shapesOf } from "./shapes.ts";
import { inferText, TEXT_HIDDEN, textPrefix, type VisibleText } from "./text.ts";
import type { VisionFamily } from "./vision.ts";
import { inferVit, VIT_HIDDEN, type VisibleVit } from "./vit.ts";

/** An image tower as far as shapes tell it. */
export type VisibleVision = VisibleVit | VisibleConvNext | VisibleResNet;

/** An architecture as far as shapes tell it. */
export interface VisibleArchitecture extends Omit<Architecture, "vision" | "text" | "quickGelu"> {
	readonly vision: VisibleVision;
	readonly text: VisibleText;
}

/** What names and shapes tell, and by name what they cannot, which must come from a config. */
export interface Inference {
	readonly known: VisibleArchitecture;
	readonly unknown: readonly string[];
}

/** A tensor's name and the index of one of its dimensions. */
type Axis = readonly [name: string, axis: number];

interface FamilyInference {
	/** A tensor that this family alone has. */
	readonly marker: string;
	/** Tensors of which the first that is there has the features on an axis. */
	readonly features: readonly [Axis, ...Axis[]];
	readonly infer: (shapes: Shapes) => VisibleVision;
	readonly hidden: readonly string[];
}

const FAMILIES = {
	vit: {
		marker: "visual.class_embedding",
		features: [["visual.proj", 1]],
		infer: inferVit,
		hidden: VIT_HIDDEN,
	},
	convnext: {
		marker: "visual.trunk.stem.0.weight",
		features: [
			["visual.head.mlp.fc2.weight", 0],
			["visual.head.proj.weight", 0],
		],
		infer: inferConvNext,
		hidden: CONVNEXT_HIDDEN,
	},
	resnet: {
		marker: "visual.attnpool.c_proj.weight",
		features: [["visual.attnpool.c_proj.weight", 0]],
		infer: inferResNet,
		hidden: RESNET_HIDDEN,
	},
} as const satisfies Record<VisionFamily, FamilyInference>;

/** Facts that no family's shapes tell. */
const ALWAYS_UNKNOWN = ["quickGelu", ...TEXT_HIDDEN.map((fact) => `text.${fact}`), "preprocess"];

/**
 * Names and shapes of a checkpoint with OpenCLIP names → what they tell of its architecture.
 *
 * It reads the tensors that carry a fact; whether all the others fit is for `inventoryFaults` to say.
 * @throws {ClipSoupError} ERR_ARCHITECTURE_MISMATCH for an image tower of no known family, ERR_TENSOR_MISSING and
 * ERR_SHAPE_MISMATCH for a tensor that carries a fact.
 */
export function inferArchitecture(tensors: Iterable<NamedShape>): Inference {
	const shapes = shapesOf(tensors);
	const { infer, hidden } = familyOf(shapes);
	const customText = shapes.has(`${textPrefix(true)}positional_embedding`);
	return {
		known: {
			...inferText(shapes, textPrefix(customText)),
			vision: infer(shapes),
			customText,
			logitBias: shapes.has("logit_bias"),
			nonscalarLogitScale: shapes.rank("logit_scale") > 0,
		},
		unknown: [...hidden.map((fact) => `vision.${fact}`), ...ALWAYS_UNKNOWN],
	};
}

/**
 * An image tower without its text tower, and the number of features it ends in.
 *
 * @throws {ClipSoupError} as `inferArchitecture`.
 */
export function inferImage(shapes: Shapes): { vision: VisibleVision; embedDim: number } {
	const { infer, features } = familyOf(shapes);
	const [name, axis] = features.find(([one]) => shapes.has(one)) ?? features[0];
	return { vision: infer(shapes), embedDim: shapes.dimension(name, axis) };
}

function familyOf(shapes: Shapes): FamilyInference {
	const families: readonly FamilyInference[] = Object.values(FAMILIES);
	const family = families.find(({ marker }) => shapes.has(marker));
	if (family !== undefined) return family;
	const markers = families.map(({ marker }) => `"${marker}"`).join(", ");
	throw new ClipSoupError(
		"ERR_ARCHITECTURE_MISMATCH",
		`Cannot infer the image tower: found none of ${markers}, expected one`,
		{ fix: "give a ViT, ConvNeXt or ResNet CLIP checkpoint with OpenCLIP names" },
	);
}
