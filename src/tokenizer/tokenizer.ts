import type { Tokenizer } from "@huggingface/tokenizers";
import type { TextTower } from "../architectures/text.ts";
import type { Folder } from "../bytes/folder.ts";
import { ClipSoupError } from "../errors.ts";
import { readTokenizerFiles } from "./files.ts";

/** What a text tower takes: how many ids there are, and how many a row has. */
export type TokenSpace = Pick<TextTower, "vocabularySize" | "contextLength">;

/** Texts as token ids. */
export interface TokenRows {
	/** `[texts, contextLength]`, row-major: start id, the text's ids, end id, then zeros. */
	readonly ids: BigInt64Array<ArrayBuffer>;
	/** Indices of the texts that were too long: their rows end in the end id after as much as fits. */
	readonly cut: readonly number[];
}

/**
 * Turns texts into token ids by the checkpoint's own `tokenizer.json`.
 *
 * Ids are those of transformers' `CLIPTokenizer`, cut and padded as OpenCLIP does: a row that is too long keeps its last
 * place for the end id, a short one is filled with 0. On plain text in any script they are OpenCLIP's own ids. They
 * differ where OpenCLIP's tokenizer cleans a text first and transformers' does not: HTML entities (`&amp;`), text that was
 * decoded wrongly, curly quotes, full-width forms, ligatures, byte order marks and control characters, which OpenCLIP
 * repairs by ftfy and `html.unescape`; and where the names of its own special tokens stand in a text (`<start_of_text>`).
 * They differ from transformers' in two points: a capital sigma at the end of a word becomes `ς`, as in OpenCLIP, not
 * `σ`; and U+FEFF within a text may be split otherwise.
 */
export class TextTokenizer {
	readonly #tokenizer: Tokenizer;
	readonly #space: TokenSpace;
	readonly #endId: number;

	/** Use `openTokenizer`. */
	constructor(tokenizer: Tokenizer, space: TokenSpace, endId: number) {
		this.#tokenizer = tokenizer;
		this.#space = space;
		this.#endId = endId;
	}

	/** @throws {ClipSoupError} ERR_TOKENIZER for an id that the model has not */
	tokenize(texts: readonly string[]): TokenRows {
		const { contextLength } = this.#space;
		const ids = new BigInt64Array(texts.length * contextLength);
		const cut: number[] = [];
		for (const [index, text] of texts.entries()) {
			const whole = this.#encode(text);
			const isCut = whole.length > contextLength;
			if (isCut) cut.push(index);
			const row = isCut ? [...whole.slice(0, contextLength - 1), this.#endId] : whole;
			ids.set(row.map(BigInt), index * contextLength);
		}
		return { ids, cut };
	}

	#encode(text: string): number[] {
		const { vocabularySize } = this.#space;
		const ids: number[] = this.#tokenizer.encode(text).ids;
		const strange = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
		if (strange === undefined) return ids;
		throw new ClipSoupError(
			"ERR_TOKENIZER",
			`Cannot tokenise "${text}": found id ${strange}, expected ids from 0 to ${vocabularySize - 1}, those of the model`,
			{ fix: "give the tokenizer that belongs to the model with --tokenizer", details: { text, id: strange } },
		);
	}
}

/**
 * Opens the tokenizer in the first of `folders` that has one.
 *
 * @param label what the tokenizer is for, as messages call it
 * @throws {ClipSoupError} ERR_TOKENIZER if there is none, or none that fits the model: the text tower finds the end of a
 *   text at its greatest id, so that the end id has to be the last of the vocabulary
 */
export async function openTokenizer(
	folders: readonly Folder[],
	space: TokenSpace,
	label: string,
): Promise<TextTokenizer> {
	const { folder, tokenizer: json, config } = await readTokenizerFiles(folders, label);
	// Loaded only where there are texts.
	const { Tokenizer } = await import("@huggingface/tokenizers");
	const unfit = (found: string, expected: string, cause?: unknown) =>
		new ClipSoupError(
			"ERR_TOKENIZER",
			`Cannot use the tokenizer in "${folder.name}" for ${label}: found ${found}, expected ${expected}`,
			{ fix: "give the tokenizer that belongs to the model with --tokenizer", details: { folder: folder.name }, cause },
		);
	try {
		const tokenizer = new Tokenizer(json, config);
		const [, endId, ...others] = tokenizer.encode("").ids;
		if (endId === undefined || others.length > 0) {
			throw unfit("another form of an empty text", "a start id and an end id");
		}
		const last = space.vocabularySize - 1;
		if (endId !== last) throw unfit(`end id ${endId}`, `${last}, the last of the model's vocabulary`);
		return new TextTokenizer(tokenizer, space, endId);
	} catch (cause) {
		if (cause instanceof ClipSoupError) throw cause;
		throw unfit(`what cannot be loaded (${cause instanceof Error ? cause.message : cause})`, "a CLIP's", cause);
	}
}
