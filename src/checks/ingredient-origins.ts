import { originOf } from "../checkpoint/checkpoint.ts";
import type { Recipe } from "../recipe.ts";
import type { Finding } from "../verification.ts";
import type { Subject } from "./subject.ts";

/**
 * CS009: whether ingredients on the Hub are at the commits that the recipe records, in whatever order.
 *
 * Only warnings: the same weights may lie at another commit or in a copy of the repository, and whether they are the same
 * is for digests to say.
 */
export function originFindings(recipe: Recipe, ingredients: readonly Subject[]): Finding[] {
	const recorded = recipe.inputs.flatMap(({ repo, revision }) =>
		repo !== undefined && revision !== undefined ? [{ repo, revision }] : [],
	);
	if (recorded.length === 0) return [];
	return ingredients.flatMap(({ name, checkpoints }, index): Finding[] => {
		const origin = originOf(checkpoints);
		if (origin === undefined) return [];
		const sameRepo = recorded.filter(({ repo }) => repo === origin.repo);
		if (sameRepo.some(({ revision }) => revision === origin.revision)) return [];
		const found = `${origin.repo}@${origin.revision}`;
		const expected = (sameRepo.length > 0 ? sameRepo : recorded).map(({ repo, revision }) => `${repo}@${revision}`);
		const what = sameRepo.length > 0 ? "was read at another commit than" : "is in another repository than those of";
		return [
			{
				level: "warning",
				message: `Ingredient ${index + 1} "${name}" ${what} the recipe: found ${found}, expected ${expected.join(" or ")}`,
				file: name,
				expected: expected.join(" or "),
				found,
				...(sameRepo.length > 0 && { cause: "a commit after the soup was made: name the recorded one with @" }),
			},
		];
	});
}
