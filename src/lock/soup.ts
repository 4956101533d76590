import { parseRecipe, type Recipe, type RecipeInput } from "../recipe.ts";
import type { LockSoup } from "./schema.ts";

/**
 * How a soup was made, from the recipe in its metadata; undefined if there is none or it is of no soup.
 *
 * A soup that was converted afterwards has its own recipe within that of the conversion.
 */
export function lockSoup(recipe: Recipe | undefined): LockSoup | undefined {
	if (recipe === undefined) return undefined;
	if (recipe.method === "convert") return lockSoup(parseRecipe(JSON.stringify(recipe.inputs[0]?.clipSoup ?? null)));
	const { version, weights, normalize, dtype, keep, inputs } = recipe;
	if (inputs.length === 0) return undefined;
	const isUniform = weights === null || (normalize && weights.every((weight) => weight !== 0 && weight === weights[0]));
	return {
		scheme: isUniform ? "uniform" : "weighted",
		formula: isUniform ? "sum-then-divide" : normalize ? "weighted-sum-then-divide" : "weighted-sum",
		accumulator: "f64",
		rounding: "direct-nearest-even",
		version,
		dtype,
		keep,
		ingredients: inputs.map((input, index) => ingredientOf(input, weights?.[index] ?? 1)),
	};
}

function ingredientOf(
	{ name, files, modelDigest, repo, revision }: RecipeInput,
	weight: number,
): LockSoup["ingredients"][number] {
	return {
		name,
		files: files.map(({ name: file, byteLength, headerSha256 }) => ({ name: file, size: byteLength, headerSha256 })),
		weight,
		...(repo !== undefined && { repo }),
		...(revision !== undefined && { revision }),
		...(modelDigest !== undefined && { modelDigest }),
	};
}
