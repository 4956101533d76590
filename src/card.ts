import { type Card, cardFor } from "./card/card.ts";
import { readNamedText, readText } from "./card/read-text.ts";
import { ClipSoupError } from "./errors.ts";
import { Staging } from "./output/staging.ts";
import { resolveFileTarget } from "./output/target.ts";
import type { Watch } from "./progress.ts";

export interface CardOptions {
	/** File to write, usually `README.md`. Default: none, the text is returned only. */
	readonly output?: string | undefined;
	/** Licence by the Hub's id, such as `mit`. Default: that of all ingredients, if they agree. */
	readonly license?: string | undefined;
	/** The repository it is for, `namespace/name`. */
	readonly repo?: string | undefined;
	/** JSON file of evaluation results, see docs/card.md. */
	readonly results?: string | undefined;
	/** Markdown file on the training. */
	readonly notes?: string | undefined;
	/** Where the ingredients are, in the recipe's order: folders, files or references to the Hub. */
	readonly ingredients?: readonly string[] | undefined;
	/** Change a card that exists: its generated section and our keys. Default false. */
	readonly force?: boolean | undefined;
	/** Sync the card to the disk before it appears. Default true. */
	readonly fsync?: boolean | undefined;
}

/** The card that was composed, and where it is. */
export interface CardResult extends Card {
	readonly output: string | undefined;
}

/**
 * Composes the model card of a checkpoint and writes it if told where.
 *
 * Of a card that exists there, what is not generated stays byte for byte.
 * @throws {ClipSoupError} ERR_OUTPUT_EXISTS without `force`, ERR_CONFIG_INVALID for a card that cannot be changed safely
 * @example
 * const { text } = await card("soup/", { license: "mit" });
 */
export async function card(folder: string, options: CardOptions = {}, watch: Watch = {}): Promise<CardResult> {
	const { output, force = false, fsync = true, license, repo, ingredients } = options;
	const target = output === undefined ? undefined : await resolveFileTarget(output);
	const existing = target && (await readText(target.path));
	if (existing !== undefined && !force) {
		throw new ClipSoupError("ERR_OUTPUT_EXISTS", `Cannot write "${output}": a file of that name exists`, {
			fix: "choose another -o, or add --force, which changes the generated section and leaves your own text",
			details: { path: output },
		});
	}
	const composed = await cardFor(
		folder,
		{
			license,
			repo,
			ingredients,
			existing,
			notes: await readNamedText(options.notes),
			results: await readNamedText(options.results),
		},
		watch,
	);
	if (target === undefined) return { ...composed, output: undefined };
	await using staging = await Staging.open(target, { force, fsync });
	staging.addBytes(target.name, Buffer.from(composed.text));
	await staging.commit(watch.signal);
	return { ...composed, output };
}
