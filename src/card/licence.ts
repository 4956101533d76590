import { locate } from "../checkpoint/open.ts";
import { ClipSoupError, isClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import { formatHubReference, isHubReference, parseHubReference } from "../hub/reference.ts";
import { readKey } from "./front-matter.ts";

/** What is known of the licence of one checkpoint that a model was made of. */
export interface IngredientLicence {
	readonly name: string;
	/** By the front matter of its own card. */
	readonly license: string | undefined;
	/** Why nothing is known, if its card was looked for. */
	readonly failure?: string | undefined;
}

/** Values that name no licence: the Hub's own, and YAML's null. */
const NONE: readonly string[] = ["", "unknown", "null", "~"];

/** The licence in a card's front matter. @throws {ClipSoupError} ERR_CONFIG_INVALID if that cannot be read */
export function licenceIn(card: string): string | undefined {
	const value = readKey(card, "license");
	const license = typeof value === "string" ? value.trim() : "";
	return NONE.includes(license.toLowerCase()) ? undefined : license;
}

/** Reads the card at a place, which may be out of reach: a folder, a file, or a reference to the Hub. */
export async function readLicence(name: string, place: string | undefined, hub: Hub): Promise<IngredientLicence> {
	if (place === undefined) return { name, license: undefined };
	try {
		// A repository has its card at its root, wherever in it the ingredient lies.
		const reference = isHubReference(place) ? parseHubReference(place) : undefined;
		const { folder } = await locate(reference ? formatHubReference({ ...reference, path: undefined }) : place, hub);
		const card = await folder.readSmall("README.md");
		return { name, license: card && licenceIn(card.toString("utf8")) };
	} catch (error) {
		if (!isClipSoupError(error)) throw error;
		return { name, license: undefined, failure: error.message };
	}
}

/** Who says which licence the model has. */
export interface LicenceWish {
	/** By `--license`. */
	readonly asked: string | undefined;
	/** By the card that exists. */
	readonly written: string | undefined;
}

/** The licence of a model, and what its author should know of it. */
export interface ChosenLicence {
	readonly license: string | undefined;
	/** Why there is none. */
	readonly reason: string | undefined;
	readonly notices: readonly string[];
}

/**
 * What was asked for; else what the card has; else what all ingredients have alike.
 *
 * @throws {ClipSoupError} ERR_LICENSE if an ingredient has another one and none was asked for
 */
export function chooseLicence(
	ingredients: readonly IngredientLicence[],
	{ asked, written }: LicenceWish,
): ChosenLicence {
	const known = ingredients.flatMap(({ name, license }) => (license === undefined ? [] : [{ name, license }]));
	const inherited = known.length === ingredients.length ? known[0]?.license : undefined;
	const license = asked ?? written ?? inherited;
	const others = known.filter((each) => each.license !== (license ?? known[0]?.license));
	const told = known.map((each) => `${each.name} ${each.license}`).join(", ");
	if (others.length > 0 && asked === undefined) throw differing(written, told);
	const failures = ingredients.flatMap(({ name, failure }) =>
		failure === undefined ? [] : [`the licence of "${name}" is not known: ${failure}`],
	);
	const differ = others.length === 0 ? [] : [`--license ${license} is not that of all ingredients (${told})`];
	if (license !== undefined) return { license, reason: undefined, notices: [...failures, ...differ] };
	const none = "no licence of an ingredient is known";
	const reason = [known.length === 0 ? none : `only of some ingredients is it known (${told})`, ...failures].join("; ");
	return { license, reason, notices: [`the card names no licence: ${reason}; give one with --license`] };
}

function differing(written: string | undefined, told: string): ClipSoupError {
	const own = written === undefined ? "" : `"${written}" in the model card and `;
	return new ClipSoupError(
		"ERR_LICENSE",
		`Cannot choose the licence: found ${own}ingredients with ${told}, expected one that all have`,
		{
			fix: "read what they allow, then name the soup's own with --license",
			details: { written, ingredients: told },
		},
	);
}
