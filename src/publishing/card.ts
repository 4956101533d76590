import { basename } from "node:path";
import { composeCard } from "../card/card.ts";
import { type CardContext, gatherFacts } from "../card/gather.ts";
import { chooseLicence, licenceIn } from "../card/licence.ts";
import { exactText, readNamedText } from "../card/read-text.ts";
import { ClipSoupError } from "../errors.ts";
import { CARD_NAME } from "./file-names.ts";

export interface CardChoice {
	readonly license?: string | undefined;
	/** A file with the author's text. */
	readonly card?: string | undefined;
	/** Whether no card is made; what the folder has is published as it is. */
	readonly noCard?: boolean | undefined;
	/** JSON file of evaluation results, see docs/card.md. */
	readonly results?: string | undefined;
	/** Markdown file on the training. */
	readonly notes?: string | undefined;
	/** Where the ingredients are, in the recipe's order: folders, files or references to the Hub. */
	readonly ingredients?: readonly string[] | undefined;
}

/** The card that will be published. */
export interface ChosenCard {
	/** Undefined if the one on the Hub stays. */
	readonly bytes: Buffer | undefined;
	readonly license: string;
	readonly notices: readonly string[];
}

/** A card that there is. */
interface FoundCard {
	readonly card: Buffer | undefined;
}

/**
 * Makes the card: generated parts between their markers, around them the author's text, which is that of `--card`, else
 * that on the Hub, else that of the folder.
 *
 * @throws {ClipSoupError} ERR_LICENSE if neither the card nor the user names a licence, if they differ, or if an ingredient
 *   has another one and the user names none; ERR_CONFIG_INVALID for text that is no UTF-8
 */
export async function chooseCard(
	folder: FoundCard & { readonly path: string },
	remote: FoundCard & { readonly id: string },
	choice: CardChoice,
	context: Omit<CardContext, "earlier">,
): Promise<ChosenCard> {
	const { license, card, ingredients } = choice;
	if (choice.noCard === true) return keepCard(folder, remote, choice, context);
	const given = await readNamedText(card);
	const ours = given ?? textOf(folder, `${folder.path}/${CARD_NAME}`);
	const theirs = given === undefined ? textOf(remote, `hf:${remote.id}:${CARD_NAME}`) : undefined;
	const existing = given ?? theirs ?? ours;
	// A card's own licence is not changed by the way: who wants another one says so in the card.
	if (existing !== undefined && licenceIn(existing) !== undefined) requireLicense(existing, license);
	const [results, notes] = await Promise.all([readNamedText(choice.results), readNamedText(choice.notes)]);
	// What was made in the folder is newer than what was published.
	const earlier = [ours, theirs].filter((text) => text !== undefined);
	const contents = { repo: remote.id, license, existing, results, notes, ingredients };
	const { text, licence, notices } = await composeCard(folder.path, contents, { ...context, earlier });
	const isOther = theirs !== undefined && ours !== undefined && ours !== theirs;
	const notice = `the text of ${CARD_NAME} is that on the Hub; --card ${basename(folder.path)}/${CARD_NAME} takes the folder's`;
	return {
		bytes: Buffer.from(text),
		license: requireLicense(text, license, licence.reason),
		notices: [...notices, ...(isOther ? [notice] : [])],
	};
}

/** Leaves the card as it is, to the byte. What ingredients allow counts nevertheless. */
async function keepCard(
	folder: FoundCard & { readonly path: string },
	remote: FoundCard,
	{ license, card, ingredients }: CardChoice,
	context: Omit<CardContext, "earlier">,
): Promise<ChosenCard> {
	const given = await readNamedText(card);
	const bytes = given === undefined ? folder.card : Buffer.from(given);
	const text = (bytes ?? remote.card)?.toString("utf8");
	const { licences } = await gatherFacts(folder.path, ingredients, { ...context, earlier: [] });
	const written = text === undefined ? undefined : licenceIn(text);
	const { notices, reason } = chooseLicence(licences, { asked: license, written });
	return { bytes, license: requireLicense(text, license, reason), notices };
}

function textOf({ card }: FoundCard, name: string): string | undefined {
	return card && exactText(card, name);
}

/** @param reason why the card has none */
function requireLicense(card: string | undefined, asked: string | undefined, reason?: string): string {
	const found = card === undefined ? undefined : licenceIn(card);
	if (found !== undefined && (asked === undefined || asked === found)) return found;
	if (found === undefined && card === undefined && asked !== undefined) return asked;
	const because = reason === undefined ? "" : ` (${reason})`;
	const state = found === undefined ? `no licence in the model card${because}` : `"${found}" in the model card`;
	const expected = asked === undefined ? "one that every ingredient allows" : `"${asked}" as --license says`;
	throw new ClipSoupError("ERR_LICENSE", `Cannot publish: found ${state}, expected ${expected}`, {
		fix: asked === undefined ? "name it: --license mit" : "correct the front matter of the model card, or --license",
		details: { found, asked },
	});
}
