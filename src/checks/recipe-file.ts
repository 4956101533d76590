import { readGivenFile } from "../checkpoint/open.ts";
import { ClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import { parseRecipe, type Recipe } from "../recipe.ts";

/** Reads a recipe such as `soup.json`. @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_USAGE if it is none */
export async function readRecipe(path: string, hub: Hub): Promise<Recipe> {
	const bytes = await readGivenFile(path, hub);
	if (bytes === undefined) {
		throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot open the recipe "${path}": found no such file`, {
			fix: "give the soup.json that avg wrote",
			details: { path },
		});
	}
	const recipe = parseRecipe(bytes.toString("utf8"));
	if (recipe !== undefined) return recipe;
	throw new ClipSoupError("ERR_USAGE", `Cannot use the recipe "${path}": found none that this version knows`, {
		fix: "give the soup.json that avg wrote, or the weights with --weights",
		details: { path },
	});
}
