import { parseRecipe, type Recipe } from "../recipe.ts";

/** How a model came to be, as far as recipes tell. */
export interface History {
	/** The average at its base; undefined if it is no soup of this tool. */
	readonly soup: Recipe | undefined;
	/** What was made of that since, oldest first. */
	readonly conversions: readonly Recipe[];
}

/** Takes the recipe of a converted model apart: each conversion holds that of its input. */
export function historyOf(recipe: Recipe | undefined): History {
	const conversions: Recipe[] = [];
	let current = recipe;
	while (current?.method === "convert") {
		conversions.unshift(current);
		current = parseRecipe(JSON.stringify(current.inputs[0]?.clipSoup ?? null));
	}
	return { soup: current, conversions };
}

/** The recipe whose inputs are the checkpoints that all began with. */
export function firstRecipe({ soup, conversions }: History): Recipe | undefined {
	return soup ?? conversions[0];
}
