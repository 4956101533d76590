import type { PartialArchitecture } from "./architecture.ts";
import { type InventoryTensor, type Layer, parameter } from "./layers.ts";
import { textLayers, textPrefix } from "./text.ts";
import { visionTower } from "./vision.ts";

/** The layers of both towers, and the temperature that joins them. */
export interface Towers {
	readonly image: readonly Layer[];
	readonly text: readonly Layer[];
	readonly joint: readonly Layer[];
}

/** Every layer of an architecture, tower by tower; a temperature joins two towers, not one. */
export function towersOf(architecture: PartialArchitecture): Towers {
	const { embedDim, vision, text, customText, logitBias, nonscalarLogitScale } = architecture;
	const scalar = nonscalarLogitScale ? [1] : [];
	return {
		image: vision === undefined ? [] : visionTower(vision).layers(embedDim),
		text: text === undefined ? [] : textLayers(text, embedDim, textPrefix(customText)),
		joint:
			vision === undefined || text === undefined
				? []
				: [parameter("logit_scale", scalar), ...(logitBias ? [parameter("logit_bias", scalar)] : [])],
	};
}

/** Every tensor of an architecture under its OpenCLIP name, in the order of open_clip's `CLIP.state_dict()`. */
export function inventoryOf(architecture: PartialArchitecture): readonly InventoryTensor[] {
	const { image, text, joint } = towersOf(architecture);
	const textTensors = tensorsOf(text);
	// A module's own parameters come before its submodules, and the text tower's are the root's, before `visual`.
	const isOfRoot = ({ name }: InventoryTensor) => !name.includes(".");
	return [
		...textTensors.filter(isOfRoot),
		...tensorsOf(joint),
		...tensorsOf(image),
		...textTensors.filter((tensor) => !isOfRoot(tensor)),
	];
}

function tensorsOf(layers: readonly Layer[]): readonly InventoryTensor[] {
	return layers.flatMap(({ tensors }) => tensors);
}
