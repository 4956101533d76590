import { ClipSoupError } from "../errors.ts";
import type { Architecture } from "./architecture.ts";
import { CONVNEXT_CARRIERS, CONVNEXT_HIDDEN, inferConvNext, type VisibleConvNext } from "./convnext.ts";
import { inferResNet, RESNET_CARRIERS, RESNET_HIDDEN, type VisibleResNet } from "./resnet.ts";
import { type NamedShape, type Shapes, shapesOf } from "./shapes.ts";
import { inferText, TEXT_HIDDEN, textPrefix, type VisibleText } from "./text.ts";
import type { VisionFamily } from "./vision.ts";
import { inferVit, VIT_CARRIERS, VIT_HIDDEN, type VisibleVit } from "./vit.ts";

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
	readonly carriers: Carriers;
}

/** By fact, a tensor whose shape tells it; `{last}` stands for the last block. */
export type Carriers = Readonly<Record<string, string>>;

const FAMILIES = {
	vit: {
		marker: "visual.class_embedding",
		features: [["visual.proj", 1]],
		infer: inferVit,
		hidden: VIT_HIDDEN,
		carriers: VIT_CARRIERS,
	},
	convnext: {
		marker: "visual.trunk.stem.0.weight",
		features: [
			["visual.head.mlp.fc2.weight", 0],
			["visual.head.proj.weight", 0],
		],
		infer: inferConvNext,
		hidden: CONVNEXT_HIDDEN,
		carriers: CONVNEXT_CARRIERS,
	},
	resnet: {
		marker: "visual.attnpool.c_proj.weight",
		features: [["visual.attnpool.c_proj.weight", 0]],
		infer: inferResNet,
		hidden: RESNET_HIDDEN,
		carriers: RESNET_CARRIERS,
	},
} as const satisfies Record<VisionFamily, FamilyInference>;

/** Facts that no family's shapes tell. */
const ALWAYS_UNKNOWN = ["quickGelu", ...TEXT_HIDDEN.map((fact) => `text.${fact}`), "preprocess"];

/**
 * Canonical names and shapes of a checkpoint → what they tell of its architecture.
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
 * An image tower without its text tower, the number of features it ends in, and the tensors that tell its facts.
 *
 * @throws {ClipSoupError} as `inferArchitecture`.
 */
export function inferImage(shapes: Shapes): { vision: VisibleVision; embedDim: number; carriers: Carriers } {
	const { infer, features, carriers } = familyOf(shapes);
	const [name, axis] = features.find(([one]) => shapes.has(one)) ?? features[0];
	return { vision: infer(shapes), embedDim: shapes.dimension(name, axis), carriers: { ...carriers, embedDim: name } };
}

function familyOf(shapes: Shapes): FamilyInference {
	const families: readonly FamilyInference[] = Object.values(FAMILIES);
	const family = families.find(({ marker }) => shapes.has(marker));
	if (family !== undefined) return family;
	const stored = families.flatMap(({ marker }) => shapes.storedName(marker) ?? []);
	const markers = stored.map((name) => `"${name}"`).join(", ");
	throw new ClipSoupError(
		"ERR_ARCHITECTURE_MISMATCH",
		`Cannot infer the image tower: found no ${markers}, expected one`,
		{ fix: "give the whole checkpoint of a ViT, ConvNeXt or ResNet CLIP, with all of its shards" },
	);
}
