import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { commonEntries } from "../checkpoint/open.ts";
import { type Carried, carriedEntries, isCarriedKey } from "../layouts/carried.ts";
import { nestRecipe, RECIPE_METADATA, type Recipe, type RecipeInput } from "../recipe.ts";
import type { FloatDtype } from "../tensor/dtype.ts";
import { VERSION } from "../version.ts";

/** The options that decide the bytes of a soup, as its recipe records them. */
export interface RecipeOptions {
	readonly weights: readonly number[] | undefined;
	readonly normalize: boolean;
	readonly dtype: FloatDtype | undefined;
	/** Tensor name → input number from 1. */
	readonly keep: Readonly<Record<string, number>>;
}

/** Model digests of the inputs and of the output. */
export interface ModelDigests {
	readonly inputs: readonly string[];
	readonly output: string;
}

/** What a recipe records of an input. */
export type RecipeSource = Pick<Checkpoint, "name" | "files" | "metadata" | "origin">;

/** How these inputs and options make a soup: no path on this machine, no time, so that it is the same everywhere. */
export function soupRecipe(inputs: readonly RecipeSource[], options: RecipeOptions, digests?: ModelDigests): Recipe {
	return {
		version: VERSION,
		method: "linear",
		weights: options.weights ? [...options.weights] : null,
		normalize: options.normalize,
		dtype: options.dtype ?? null,
		keep: Object.fromEntries(Object.entries(options.keep).sort(([a], [b]) => (a < b ? -1 : 1))),
		inputs: inputs.map((input, index) => recipeInput(input, digests?.inputs[index])),
		...(digests && { modelDigest: digests.output }),
	};
}

function recipeInput({ name, files, metadata, origin }: RecipeSource, digest: string | undefined): RecipeInput {
	const own = metadata.get(RECIPE_METADATA);
	return {
		name,
		files: files.map(({ name: fileName, source, headerSha256 }) => ({
			name: fileName,
			byteLength: source.byteLength,
			headerSha256: `sha256:${headerSha256}`,
		})),
		...origin,
		...(digest !== undefined && { modelDigest: digest }),
		...(own !== undefined && { clipSoup: nestRecipe(own) }),
	};
}

/** How an input becomes another form of itself. */
export function conversionRecipe(input: RecipeSource): Recipe {
	return {
		...soupRecipe([input], { weights: undefined, normalize: true, dtype: undefined, keep: {} }),
		method: "convert",
	};
}

/** Stands for a digest that is known only after the data: of the same length, so that no offset moves. */
const UNKNOWN_DIGEST = `sha256:${"0".repeat(64)}`;

export function unknownDigests(inputs: readonly unknown[]): ModelDigests {
	return { inputs: inputs.map(() => UNKNOWN_DIGEST), output: UNKNOWN_DIGEST };
}

/**
 * Metadata of a soup: `format`, which transformers needs to load a file, the recipe, what the inputs have alike, and what the
 * soup carries.
 */
export function soupMetadata(
	inputs: readonly Pick<RecipeSource, "metadata">[],
	recipe: Recipe,
	carried: Carried,
): Map<string, string> {
	const common = [...commonEntries(inputs.map(({ metadata }) => metadata))];
	return new Map([
		...common.filter(([key]) => !isCarriedKey(key)),
		...carriedEntries(carried),
		["format", "pt"],
		[RECIPE_METADATA, JSON.stringify(recipe)],
	]);
}

/** Metadata keys that are left out, because the inputs do not have them alike. */
export function differingMetadata(inputs: readonly Pick<RecipeSource, "metadata">[]): string[] {
	const common = commonEntries(inputs.map(({ metadata }) => metadata));
	const keys = new Set(inputs.flatMap(({ metadata }) => [...metadata.keys()]));
	return [...keys].filter((key) => !isOwn(key) && !common.has(key)).sort();
}

/** Whether clip-soup writes the entry itself, whatever the inputs have. */
function isOwn(key: string): boolean {
	return key === "format" || key === RECIPE_METADATA || isCarriedKey(key);
}
