import { isClipSoupError } from "../errors.ts";
import { formatHubReference, parseHubReference } from "../hub/reference.ts";
import type { LockSoup } from "../lock/schema.ts";
import type { Recipe, RecipeInput } from "../recipe.ts";
import type { Origin } from "./origins.ts";

/** A checkpoint that the model was made of. */
export interface Ingredient {
	/** Base name of what was given. */
	readonly name: string;
	/** On the Hub: `namespace/name`, which keeps the Hub's rules. */
	readonly repo: string | undefined;
	/** Commit of 40 hex digits. */
	readonly revision: string | undefined;
	/** What a command takes to find it again: a reference to the Hub, or its name. */
	readonly reference: string;
	readonly weight: number;
	readonly byteLength: number;
	/** `sha256:` and hex: its model digest if the recipe has it, else the digests of its headers. */
	readonly digests: { readonly kind: "model" | "header"; readonly values: readonly string[] };
	/** Whether it was made by clip-soup itself. */
	readonly hasRecipe: boolean;
}

/** The ingredients of a recipe, with what the lock and a look at them tell besides. */
export function ingredientsOf(
	recipe: Recipe | undefined,
	locked: LockSoup | undefined,
	origins: readonly (Origin | undefined)[],
): readonly Ingredient[] {
	return (recipe?.inputs ?? []).map((input, index) => {
		const entry = locked?.ingredients[index];
		const told = entry?.name === input.name && entry.repo !== undefined ? entry : input;
		return ingredientOf(input, { told, weight: recipe?.weights?.[index] ?? 1, origin: origins[index] });
	});
}

interface Told {
	readonly told: { readonly repo?: string | undefined; readonly revision?: string | undefined };
	readonly weight: number;
	readonly origin: Origin | undefined;
}

function ingredientOf(input: RecipeInput, { told, weight, origin }: Told): Ingredient {
	const { name, files, modelDigest } = input;
	const repo = validRepo(origin?.repo ?? told.repo);
	// A commit is one of the repository that it was recorded with.
	const recorded = origin?.repo === undefined || origin.repo === told.repo ? told.revision : undefined;
	const revision = [origin?.revision, recorded].find((each) => each !== undefined && /^[0-9a-f]{40}$/.test(each));
	const inside = name === repo?.split("/")[1] ? undefined : name;
	const path = origin?.repo === undefined ? inside : origin.path;
	return {
		name,
		repo,
		revision: repo && revision,
		reference: repo === undefined ? name : formatHubReference({ id: repo, revision, path }),
		weight,
		byteLength: files.reduce((sum, { byteLength }) => sum + byteLength, 0),
		digests:
			modelDigest === undefined
				? { kind: "header", values: files.map(({ headerSha256 }) => headerSha256) }
				: { kind: "model", values: [modelDigest] },
		hasRecipe: input.clipSoup !== undefined,
	};
}

/** A repository's id if it is one: recipes come with weights from anywhere. */
function validRepo(repo: string | undefined): string | undefined {
	if (repo === undefined) return undefined;
	try {
		const { id, revision, path } = parseHubReference(`hf:${repo}`);
		return revision === undefined && path === undefined ? id : undefined;
	} catch (error) {
		if (isClipSoupError(error)) return undefined;
		throw error;
	}
}
