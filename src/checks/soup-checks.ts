import type { ModelOptions } from "../checkpoint/model.ts";
import type { Hub } from "../hub/hub.ts";
import type { Watch } from "../progress.ts";
import type { CheckResult } from "../verification.ts";
import { checkIngredients } from "./ingredients.ts";
import { readRecipe } from "./recipe-file.ts";
import { recoverMixture } from "./recover.ts";
import { checkSoup } from "./soup.ts";
import { openSubject, type Subject } from "./subject.ts";

/** What a model is said to be made of. */
export interface SoupOptions extends ModelOptions {
	/** Ingredients that the model should be the average of. */
	readonly soupOf?: readonly string[] | undefined;
	/** Weights of the ingredients. Default: those of the soup's recipe, else uniform. */
	readonly weights?: readonly number[] | undefined;
	/** Whether the weights are divided by their sum. Default: as the recipe says, else true. */
	readonly normalize?: boolean | undefined;
	/** Tensors taken from one ingredient, by its number from 1. Default: those of the recipe, else none. */
	readonly keep?: ReadonlyMap<string, number> | undefined;
	/** A recipe (`soup.json`) to recompute by. Default: the one in the soup's metadata. */
	readonly recipe?: string | undefined;
	/** Ingredients of which to find the mixture. */
	readonly recover?: readonly string[] | undefined;
	/** Worker threads. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
}

/** CS009 and CS008: what the model is made of. */
export async function soupChecks(
	subject: Subject,
	options: SoupOptions,
	hub: Hub,
	watch: Watch,
): Promise<CheckResult[]> {
	const { soupOf, recover, weights, normalize, keep, threads } = options;
	const results: CheckResult[] = [];
	if (soupOf !== undefined) {
		const recipe = options.recipe === undefined ? undefined : await readRecipe(options.recipe, hub);
		const claim = { weights, normalize, keep, recipe, threads };
		await withSubjects(soupOf, options, hub, async (ingredients) => {
			results.push(await checkIngredients(subject, ingredients, claim, watch));
			results.push(await checkSoup(subject, ingredients, claim, watch));
		});
	}
	if (recover !== undefined) {
		await withSubjects(recover, options, hub, async (ingredients) => {
			results.push((await recoverMixture(subject, ingredients, { threads }, watch)).check);
		});
	}
	return results;
}

/** Opens all of them for `use`, and closes them whatever happens. */
async function withSubjects(
	paths: readonly string[],
	{ arch, archConfig }: ModelOptions,
	hub: Hub,
	use: (subjects: readonly Subject[]) => Promise<void>,
): Promise<void> {
	const opened: Subject[] = [];
	try {
		for (const path of paths) opened.push(await openSubject(path, { arch, archConfig }, { hub }));
		await use(opened);
	} finally {
		await Promise.all(opened.map((subject) => subject[Symbol.asyncDispose]()));
	}
}
