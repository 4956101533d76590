import type { PartialArchitecture } from "../architectures/architecture.ts";
import { inventoryFaults } from "../architectures/inventory-faults.ts";
import { ClipSoupError } from "../errors.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { canonicalInventory, type Tower, towerOf } from "./canonical.ts";
import type { StoredForms } from "./stored-forms.ts";

/** What a tower is called, and how to give it if nothing of it is there. */
const TOWER_WORDS: Readonly<Record<Tower, { readonly title: string; readonly fix: string }>> = {
	image: { title: "image tower", fix: "give a folder that holds the image tower" },
	text: {
		title: "text tower",
		fix: "give the text tower's folder with --text, or average and convert the image tower alone: --to timm",
	},
	joint: {
		title: "temperature",
		fix: "give it with --logit-scale; in an average, take that of another input: --keep logit_scale=1",
	},
};

/** How faults speak of a model: what they call it, and the names of its files. */
export interface Wording {
	readonly label?: string | undefined;
	readonly stored?: StoredForms;
}

/**
 * How canonical tensors differ from those of an architecture in the `towers` that are needed: one fault for a tower
 * that is missing as a whole, else one for each tensor that is missing, extra, or of another shape or dtype.
 */
export function canonicalFaults(
	architecture: PartialArchitecture,
	tensors: readonly TensorInfo[],
	towers: ReadonlySet<Tower>,
	{ label, stored }: Wording = {},
): readonly ClipSoupError[] {
	const inventory = canonicalInventory(architecture);
	return [...towers].flatMap((tower) => {
		const isOfTower = ({ name }: { readonly name: string }) => towerOf(name) === tower;
		const found = tensors.filter(isOfTower);
		if (found.length === 0) return [missingTowerFault(tower, label)];
		return inventoryFaults(inventory.filter(isOfTower), found, stored?.formsOf);
	});
}

/** One fault for each of `towers` of which nothing is there: what can be said before the architecture is known. */
export function missingTowerFaults(
	tensors: readonly Pick<TensorInfo, "name">[],
	towers: ReadonlySet<Tower>,
	label?: string,
): readonly ClipSoupError[] {
	const found = new Set(tensors.map(({ name }) => towerOf(name)));
	return [...towers].filter((tower) => !found.has(tower)).map((tower) => missingTowerFault(tower, label));
}

function missingTowerFault(tower: Tower, label = "the input"): ClipSoupError {
	const { title, fix } = TOWER_WORDS[tower];
	const message = `Cannot use ${label}: found no ${title}, expected one`;
	return new ClipSoupError("ERR_TENSOR_MISSING", message, { fix, details: { tower, input: label } });
}
