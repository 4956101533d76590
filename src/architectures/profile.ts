import { elementCount } from "../tensor/shape.ts";
import type { PartialArchitecture } from "./architecture.ts";
import { towersOf } from "./inventory.ts";
import type { Layer } from "./layers.ts";

/** Exact sizes of a tower, for one image and one text. */
export interface TowerProfile {
	/** Learned elements; running statistics and counters are not. */
	readonly parameters: number;
	/** Multiply-accumulates by fvcore's count: norms and global pooling are in it, at its price per element. */
	readonly macs: number;
	/** Output elements of convolutions and matrix products. */
	readonly activations: number;
}

/** Sizes of both towers, 0 of one that is not there; the total has the temperature too. */
export interface Profile {
	readonly image: TowerProfile;
	readonly text: TowerProfile;
	readonly total: TowerProfile;
}

/**
 * Counts parameters, multiply-accumulates and activations, exactly.
 *
 * The convention is that of the table in the model card of laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup.
 */
export function profileArchitecture(architecture: PartialArchitecture): Profile {
	const { image, text, joint } = towersOf(architecture);
	return { image: sum(image), text: sum(text), total: sum([...image, ...text, ...joint]) };
}

function sum(layers: readonly Layer[]): TowerProfile {
	const learned = layers.flatMap(({ tensors }) => tensors).filter(({ role }) => role === "parameter");
	return {
		parameters: learned.reduce((total, { shape }) => total + elementCount(shape), 0),
		macs: layers.reduce((total, { macs }) => total + macs, 0),
		activations: layers.reduce((total, { activations }) => total + activations, 0),
	};
}

/** The model card's columns of one row, as it prints them: parameters and activations in millions, MACs in billions. */
export function cardCells({ total, image, text }: Profile) {
	return {
		gmacs: inUnits(total.macs, 1e9),
		macts: inUnits(total.activations, 1e6),
		mparams: inUnits(total.parameters, 1e6),
		image_gmacs: inUnits(image.macs, 1e9),
		image_macts: inUnits(image.activations, 1e6),
		image_mparams: inUnits(image.parameters, 1e6),
		text_gmacs: inUnits(text.macs, 1e9),
		text_macts: inUnits(text.activations, 1e6),
		text_mparams: inUnits(text.parameters, 1e6),
	};
}

/** Two decimals without trailing zeros: `21.2`. */
function inUnits(count: number, unit: number): string {
	return String(Number((count / unit).toFixed(2)));
}
