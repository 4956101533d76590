import { performance } from "node:perf_hooks";
import type { Watch } from "../progress.ts";
import type { Recipe, RecipeInput } from "../recipe.ts";
import { counted } from "../reports/plain-text.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { originFindings } from "./ingredient-origins.ts";
import { type Kinship, kinships } from "./soup-kinship.ts";
import type { StreamOptions } from "./soup-stream.ts";
import { recipeOf, type SoupClaim, type SoupTerms, soupTerms } from "./soup-terms.ts";
import type { Subject } from "./subject.ts";

/**
 * CS009: whether the ingredients are those that the soup's recipe records, in its order, and belong together.
 *
 * Ingredients are known by the digests of their headers, and by their names where headers are alike: whether the numbers
 * are the recorded ones is what CS008 tells. That ingredients are equal, or were not trained from one another, are warnings,
 * and so are weights outside [0, 1]; figures come from a sample of the largest tensors.
 * @throws {ClipSoupError} ERR_WEIGHTS, ERR_USAGE for options that make no average; ERR_IO
 */
export async function checkIngredients(
	soup: Subject,
	ingredients: readonly Subject[],
	options: SoupClaim & StreamOptions = {},
	watch: Watch = {},
): Promise<CheckResult> {
	const start = performance.now();
	const { threads, chunkByteLength, ...claim } = options;
	const recipe = claim.recipe ?? recipeOf(soup);
	const terms = soupTerms(soup, ingredients.length, claim);
	const found = await kinships(ingredients, { threads, chunkByteLength }, watch);
	const findings = [
		...(recipe === undefined
			? []
			: [...recipeFindings(recipe, ingredients, terms), ...originFindings(recipe, ingredients)]),
		...extrapolations(ingredients, terms),
		...found.flatMap((kinship) => kinshipFindings(kinship, ingredients)),
	];
	return ranCheck("CS009", (performance.now() - start) / 1000, {
		detail: [recipeText(recipe, ingredients.length), ...kinshipText(found)].join("; "),
		findings,
	});
}

function recipeText(recipe: Recipe | undefined, count: number): string {
	if (recipe === undefined) return `${counted(count, "ingredient")}, no recipe to compare with`;
	return `${counted(count, "ingredient")} against the ${recipe.inputs.length} of the recipe, by header digests and names`;
}

function kinshipText(found: readonly Kinship[]): string[] {
	const [first] = found;
	if (first === undefined) return [];
	const least = found.reduce((a, b) => (b.cosine < a.cosine ? b : a), first);
	return [`least cosine ${least.cosine.toPrecision(4)} (${figures(least)})`];
}

function figures({ pair, distance, elements }: Kinship): string {
	return `‖a − b‖ / ‖a‖ = ${distance.toPrecision(3)}, ${counted(elements, "sampled element")} of ingredients ${pair.join(" and ")}`;
}

function recipeFindings(recipe: Recipe, ingredients: readonly Subject[], terms: SoupTerms): Finding[] {
	const recorded = recipe.inputs.map(({ name }) => `"${name}"`).join(", ");
	if (recipe.inputs.length !== ingredients.length) {
		const message = `Found ${counted(ingredients.length, "ingredient")}, expected the ${recipe.inputs.length} of the recipe: ${recorded}`;
		return [{ level: "error", message, expected: recorded, found: ingredients.map(({ name }) => name).join(", ") }];
	}
	// A sum does not depend on its order but for rounding, which CS008 sees.
	const orderLevel = terms.linear.weights === undefined ? "warning" : "error";
	return ingredients.flatMap((ingredient, index) => {
		const place = placeIn(recipe.inputs, ingredient, index);
		if (place === index) return [];
		const label = `Ingredient ${index + 1} "${ingredient.name}"`;
		const expected = recipe.inputs[index];
		if (place === undefined) return [strangerFinding(label, ingredient, expected)];
		const message = `${label} is the recipe's ingredient ${place + 1} "${recipe.inputs[place]?.name}", expected "${expected?.name}"`;
		return [{ level: orderLevel, message, file: ingredient.name, cause: "ingredients in another order" }];
	});
}

/** Where the recipe records an ingredient; undefined if nowhere. */
function placeIn(recorded: readonly RecipeInput[], ingredient: Subject, index: number): number | undefined {
	const headers = headersOf(ingredient);
	const alike = recorded.flatMap(({ files }, place) => (recordedHeaders(files) === headers ? [place] : []));
	const named = alike.filter((place) => recorded[place]?.name === ingredient.name);
	const places = named.length > 0 ? named : alike;
	return places.includes(index) ? index : places[0];
}

function headersOf({ checkpoints }: Subject): string {
	return checkpoints.flatMap(({ files }) => files.map(({ headerSha256 }) => `sha256:${headerSha256}`)).join(" ");
}

function recordedHeaders(files: RecipeInput["files"]): string {
	return files.map(({ headerSha256 }) => headerSha256).join(" ");
}

function strangerFinding(label: string, ingredient: Subject, expected: RecipeInput | undefined): Finding {
	return {
		level: "error",
		message: `${label} is not the recipe's "${expected?.name}": its header has another digest`,
		file: ingredient.name,
		expected: recordedHeaders(expected?.files ?? []),
		found: headersOf(ingredient),
	};
}

function extrapolations(ingredients: readonly Subject[], { linear, weights }: SoupTerms): Finding[] {
	return ingredients.flatMap(({ name }, index): Finding[] => {
		const share = (linear.weights?.[index] ?? 1) / linear.divisor;
		if (share >= 0 && share <= 1) return [];
		const message = `Ingredient ${index + 1} "${name}" has weight ${weights?.[index]}, a share of ${share.toPrecision(4)}: outside [0, 1] a soup is an extrapolation`;
		return [{ level: "warning", message, file: name }];
	});
}

/**
 * Weights of fine-tunings of one checkpoint have cosines near 1; those of separate trainings are near 0, like any two
 * vectors of so many dimensions.
 */
const RELATED_COSINE = 0.5;

function kinshipFindings(kinship: Kinship, ingredients: readonly Subject[]): Finding[] {
	const { pair, cosine, areEqual, elements } = kinship;
	const names = pair.map((number) => `${number} "${ingredients[number - 1]?.name}"`).join(" and ");
	if (areEqual) {
		const message = `Ingredients ${names} are equal in all tensors: the soup has the same checkpoint twice`;
		return [{ level: "warning", message }];
	}
	if (elements === 0 || cosine >= RELATED_COSINE) return [];
	const message = `Ingredients ${names} do not belong together: the cosine of their weights is ${cosine.toPrecision(3)} (${figures(kinship)}), expected ${RELATED_COSINE} at least`;
	return [{ level: "warning", message, cause: "trained from different starts, whose average means nothing" }];
}
