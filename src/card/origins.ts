import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openModelFiles } from "../checkpoint/model.ts";
import { closeAll } from "../checkpoint/open.ts";
import { ClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import { isHubReference, parseHubReference } from "../hub/reference.ts";
import type { Recipe, RecipeInput } from "../recipe.ts";

/** What a look at an ingredient tells that the recipe does not. */
export interface Origin {
	readonly repo: string | undefined;
	readonly revision: string | undefined;
	/** Inside of the repository. */
	readonly path: string | undefined;
}

/**
 * Looks at the ingredients of a recipe where they are now: folders, files, or references to the Hub.
 *
 * @throws {ClipSoupError} ERR_USAGE unless they are as many as in the recipe and have its header digests; what opening throws
 */
export async function readOrigins(
	paths: readonly string[],
	recipe: Recipe | undefined,
	hub: Hub,
): Promise<readonly Origin[]> {
	const inputs = recipe?.inputs ?? [];
	if (paths.length !== inputs.length) {
		throw mismatch(String(paths.length), `the ${inputs.length} of the recipe, in its order`);
	}
	const origins: Origin[] = [];
	for (const [index, input] of inputs.entries()) origins.push(await readOrigin(paths[index] ?? "", input, hub));
	return origins;
}

async function readOrigin(path: string, input: RecipeInput, hub: Hub): Promise<Origin> {
	const checkpoints = await openModelFiles(path, undefined, hub);
	try {
		refuseOther(path, checkpoints, input);
	} finally {
		await closeAll(checkpoints);
	}
	const reference = isHubReference(path) ? parseHubReference(path) : undefined;
	return { repo: reference?.id, revision: reference?.revision, path: reference?.path };
}

function refuseOther(path: string, checkpoints: readonly Checkpoint[], { name, files }: RecipeInput): void {
	const found = checkpoints.flatMap((checkpoint) => checkpoint.files.map((file) => `sha256:${file.headerSha256}`));
	const expected = files.map(({ headerSha256 }) => headerSha256);
	if (found.length === expected.length && found.every((digest) => expected.includes(digest))) return;
	throw mismatch(`"${path}" with headers of other digests`, `those of "${name}" in the recipe`);
}

function mismatch(found: string, expected: string): ClipSoupError {
	return new ClipSoupError("ERR_USAGE", `Cannot use --ingredients: found ${found}, expected ${expected}`, {
		fix: "name the ingredients as they were given to avg",
	});
}
