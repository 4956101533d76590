import type { Hub } from "../hub/hub.ts";
import { formatHubReference, isHubReference, parseHubReference } from "../hub/reference.ts";
import type { Lock } from "../lock/schema.ts";
import { type GivenParts, givenParts } from "./given-parts.ts";
import { firstRecipe, type History, historyOf } from "./history.ts";
import { type Ingredient, ingredientsOf } from "./ingredients.ts";
import { type IngredientLicence, readLicence } from "./licence.ts";
import { readOrigins } from "./origins.ts";
import { type CardSources, readSources } from "./sources.ts";

/** What a command that makes a card knows already. */
export interface CardContext {
	readonly hub: Hub;
	/** A lock that is compared with every byte of the weights; null for none. Default: the folder's, if it seems to fit. */
	readonly lock?: Lock | null | undefined;
	/** Cards of the model that may hold what their author gave, the one that counts most first. */
	readonly earlier: readonly string[];
}

/** What a card can be made of. */
export interface GatheredFacts {
	readonly sources: CardSources;
	readonly history: History;
	readonly parts: GivenParts;
	readonly ingredients: readonly Ingredient[];
	readonly licences: readonly IngredientLicence[];
}

/**
 * Reads what a folder tells, and the cards of its ingredients wherever these are.
 *
 * @param places of the ingredients, if the author names them
 * @throws {ClipSoupError} as `readSources`, `readOrigins` and `givenParts`
 */
export async function gatherFacts(
	folder: string,
	places: readonly string[] | undefined,
	{ hub, lock, earlier }: CardContext,
): Promise<GatheredFacts> {
	const sources = await readSources(folder, hub, lock);
	const history = historyOf(sources.recipe);
	const first = firstRecipe(history);
	const told = ingredientsOf(first, sources.lock?.soup, []);
	const parts = givenParts(earlier, sources.lock?.modelDigest, told);
	const origins = places === undefined ? parts.origins : await readOrigins(places, first, hub);
	const ingredients = ingredientsOf(first, sources.lock?.soup, origins);
	const licences = await Promise.all(
		ingredients.map((ingredient, index) => readLicence(ingredient.name, cardPlace(ingredient, places?.[index]), hub)),
	);
	return { sources, history, parts, ingredients, licences };
}

/** Where the card of an ingredient is: at the top of a repository, or in the folder that was named. */
function cardPlace({ repo, revision }: Ingredient, place: string | undefined): string | undefined {
	if (place !== undefined && !isHubReference(place)) return place;
	const named = place === undefined ? undefined : parseHubReference(place).revision;
	return repo && formatHubReference({ id: repo, revision: named ?? revision, path: undefined });
}
