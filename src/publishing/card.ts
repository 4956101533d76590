import { basename } from "node:path";
import { readSmallFile } from "../bytes/small-file.ts";
import { type CardContext, composeCard } from "../card/card.ts";
import { ClipSoupError } from "../errors.ts";
import { CARD_NAME } from "./file-names.ts";

export interface CardChoice {
	readonly license?: string | undefined;
	/** A file with the author's text. */
	readonly card?: string | undefined;
	/** Whether no card is made; what the folder has is published as it is. */
	readonly noCard?: boolean | undefined;
}

/** The card that will be published. */
export interface ChosenCard {
	/** Undefined if the one on the Hub stays. */
	readonly text: string | undefined;
	readonly license: string;
	readonly notices: readonly string[];
}

/**
 * Makes the card: generated parts between their markers, around them the author's text, which is that of `--card`, else
 * that on the Hub, else that of the folder.
 *
 * @throws {ClipSoupError} ERR_LICENSE if neither the card nor the user names a licence, or they differ
 */
export async function chooseCard(
	folder: { readonly path: string; readonly card: string | undefined },
	remote: { readonly id: string; readonly card: string | undefined },
	{ license, card, noCard = false }: CardChoice,
	context: CardContext,
): Promise<ChosenCard> {
	if (noCard) {
		const text = card === undefined ? folder.card : await readText(card);
		return { text, license: requireLicense(text ?? remote.card, license), notices: [] };
	}
	const given = card === undefined ? undefined : await readText(card);
	const existing = given ?? remote.card ?? folder.card;
	// A card's own licence is not changed by the way: who wants another one says so in the card.
	if (existing !== undefined && licenseIn(existing) !== undefined) requireLicense(existing, license);
	const { text, notices } = await composeCard(folder.path, { repo: remote.id, license, existing }, context);
	const passedOver = given === undefined && remote.card !== undefined && folder.card !== undefined;
	const isOther = passedOver && folder.card !== remote.card;
	const notice = `the text of ${CARD_NAME} is that on the Hub; --card ${basename(folder.path)}/${CARD_NAME} takes the folder's`;
	return { text, license: requireLicense(text, license), notices: [...notices, ...(isOther ? [notice] : [])] };
}

/** The licence in a card's front matter. */
function licenseIn(card: string): string | undefined {
	const front = /^---\r?\n([\s\S]*?)\r?\n---\s*(?:\r?\n|$)/.exec(card)?.[1];
	const value = /^license:[ \t]*["']?([^"'#\r\n]+?)["']?[ \t]*(?:#.*)?$/m.exec(front ?? "")?.[1];
	return value === undefined || ["unknown", "null", "~"].includes(value) ? undefined : value;
}

function requireLicense(card: string | undefined, asked: string | undefined): string {
	const found = card === undefined ? undefined : licenseIn(card);
	if (found !== undefined && (asked === undefined || asked === found)) return found;
	if (found === undefined && card === undefined && asked !== undefined) return asked;
	const state = found === undefined ? "no licence in the model card" : `"${found}" in the model card`;
	const expected = asked === undefined ? "one that every ingredient allows" : `"${asked}" as --license says`;
	throw new ClipSoupError("ERR_LICENSE", `Cannot publish: found ${state}, expected ${expected}`, {
		fix: asked === undefined ? "name it: --license mit" : "correct the front matter of the model card, or --license",
		details: { found, asked },
	});
}

async function readText(path: string): Promise<string> {
	const bytes = await readSmallFile(path);
	if (bytes !== undefined) return bytes.toString("utf8");
	throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot open the card "${path}": found no such file`, {
		fix: "check the path",
		details: { path },
	});
}
