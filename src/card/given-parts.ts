import { isClipSoupError } from "../errors.ts";
import { isHubReference, parseHubReference } from "../hub/reference.ts";
import type { Ingredient } from "./ingredients.ts";
import type { Origin } from "./origins.ts";
import { sectionOf } from "./place-section.ts";

/** What an author gave when a generated section was made, as it stands there. */
export interface GivenParts {
	/** Markdown below the headings. */
	readonly evaluation: string | undefined;
	readonly training: string | undefined;
	/** Of the ingredients that it names on the Hub, in the recipe's order. */
	readonly origins: readonly (Origin | undefined)[];
}

/** Headings of the parts that come from the author. */
export const EVALUATION = "Evaluation";
export const TRAINING = "Training";

/**
 * Reads from cards what their generated sections have of the author, of each part the first one that is there.
 *
 * Only sections that were made for the very same weights count: figures and names of other weights would be false.
 * @param digest the model digest that the lock tells
 * @param ingredients as recipe and lock tell them
 * @throws {ClipSoupError} ERR_CONFIG_INVALID for markers that tell no section
 */
export function givenParts(
	cards: readonly string[],
	digest: string | undefined,
	ingredients: readonly Ingredient[],
): GivenParts {
	const row = `\n| Model digest | \`${digest}\` |\n`;
	const sections = cards.map((card) => sectionOf(card)?.replaceAll("\r\n", "\n") ?? "");
	const found = sections.filter((section) => section.includes(row)).map((section) => partsOf(section, ingredients));
	return {
		evaluation: found.find(({ evaluation }) => evaluation !== undefined)?.evaluation,
		training: found.find(({ training }) => training !== undefined)?.training,
		origins: ingredients.map((_, index) => found.find(({ origins }) => origins[index] !== undefined)?.origins[index]),
	};
}

function partsOf(section: string, ingredients: readonly Ingredient[]): GivenParts {
	// Training is the last part and in the author's words: headings in it are not ours.
	const [generated = "", ...training] = section.split(/^## Training$/m);
	const parts = generated.split(/^## /m);
	const partOf = (heading: string) =>
		parts
			.find((part) => part.startsWith(`${heading}\n`))
			?.slice(heading.length)
			.trim();
	return {
		evaluation: partOf(EVALUATION),
		training: training.length === 0 ? undefined : training.join(`## ${TRAINING}`).trim(),
		origins: originsIn(partOf("Recipe") ?? "", ingredients),
	};
}

/** What the first command of a recipe names, where its table has the digests of the ingredient. */
function originsIn(recipe: string, ingredients: readonly Ingredient[]): (Origin | undefined)[] {
	const [, command = ""] = /^clip-soup (?:avg|convert) (.*)$/m.exec(recipe) ?? [];
	// Words as `shellWord` writes them.
	const words = command.match(/(?:'[^']*'|\\'|[^\s'\\])+/g) ?? [];
	return ingredients.map(({ digests }, index) => {
		const row = recipe.split("\n").find((line) => line.startsWith(`| ${index + 1} |`)) ?? "";
		const word = words[index]?.replace(/'([^']*)'|\\'/g, (_, inside: string | undefined) => inside ?? "'") ?? "";
		return isHubReference(word) && digests.values.every((each) => row.includes(each)) ? originIn(word) : undefined;
	});
}

/** Undefined if it is none: whoever may write to the repository can have edited the card. */
function originIn(reference: string): Origin | undefined {
	try {
		const { id, revision, path } = parseHubReference(reference);
		return { repo: id, revision, path };
	} catch (error) {
		if (isClipSoupError(error)) return undefined;
		throw error;
	}
}
