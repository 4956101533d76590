import { keptInputs } from "../engine/average-product.ts";
import { type LinearWeights, linearWeights } from "../merge-methods/linear.ts";
import { parseRecipe, RECIPE_METADATA, type Recipe } from "../recipe.ts";
import type { Subject } from "./subject.ts";

/** How a soup is said to have been made; what is not told comes from its recipe. */
export interface SoupClaim {
	/** One for each ingredient. Default: the recipe's, or uniform. */
	readonly weights?: readonly number[] | undefined;
	/** Whether the weighted sum is divided by the sum of the weights. Default: the recipe's, or true. */
	readonly normalize?: boolean | undefined;
	/** Tensors taken from one ingredient, by its number from 1. Default: the recipe's, or none. */
	readonly keep?: ReadonlyMap<string, number> | undefined;
	/** Default: what the soup's metadata record. */
	readonly recipe?: Recipe | undefined;
}

/** How a soup was made, as far as its bytes depend on it. */
export interface SoupTerms {
	/** As they were given; undefined is uniform. */
	readonly weights: readonly number[] | undefined;
	readonly normalize: boolean;
	readonly linear: LinearWeights;
	/** Number of an ingredient, from 1, by tensor name. */
	readonly keep: ReadonlyMap<string, number>;
	/** The recipe, if it is one of so many ingredients. */
	readonly recipe: Recipe | undefined;
	/** `weights 0.3, 0.7 of the recipe`. */
	readonly description: string;
}

/** The recipe that a soup carries in its metadata; undefined if it has none that this version knows. */
export function recipeOf({ checkpoints }: Subject): Recipe | undefined {
	const text = checkpoints[0]?.metadata.get(RECIPE_METADATA);
	return text === undefined ? undefined : parseRecipe(text);
}

/**
 * What is to be recomputed.
 *
 * @throws {ClipSoupError} ERR_WEIGHTS for weights that make no average, of the user or of the recipe; ERR_USAGE for
 *   tensors to keep that there are not
 */
export function soupTerms(soup: Subject, ingredientCount: number, claim: SoupClaim): SoupTerms {
	const known = claim.recipe ?? recipeOf(soup);
	const recipe = known?.inputs.length === ingredientCount ? known : undefined;
	const isTold = claim.weights !== undefined;
	const weights = claim.weights ?? recipe?.weights ?? undefined;
	const normalize = claim.normalize ?? (isTold ? undefined : recipe?.normalize) ?? true;
	// A recipe may name tensors as another layout did; those that the soup has not are not looked for.
	const keep = claim.keep ?? new Map(Object.entries(recipe?.keep ?? {}));
	const names = claim.keep === undefined ? new Set(keep.keys()) : tensorNames(soup);
	keptInputs(names, ingredientCount, Object.fromEntries(keep));
	const origin = isTold ? "as given" : recipe === undefined ? "no recipe tells others" : "of the recipe";
	return {
		weights,
		normalize,
		linear: linearWeights(ingredientCount, { weights, normalize }),
		keep,
		recipe,
		description: `${weightsText(weights, normalize)} (${origin})`,
	};
}

function weightsText(weights: readonly number[] | undefined, normalize: boolean): string {
	if (weights === undefined) return "uniform weights";
	return `weights ${weights.join(", ")}${normalize ? "" : ", not normalised"}`;
}

/** Stored and canonical names, under each of which a tensor can be kept. */
function tensorNames({ checkpoints, model }: Subject): Set<string> {
	const stored = checkpoints.flatMap(({ tensors }) => [...tensors.keys()]);
	const canonical = [...(model?.tensors ?? []), ...(model?.carried ?? [])].map(({ name }) => name);
	return new Set([...stored, ...canonical]);
}
