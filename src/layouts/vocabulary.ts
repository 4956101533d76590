import { createHash } from "node:crypto";

/** What the files of a tokenizer tell of its token ids. */
export interface Vocabulary {
	/** The largest id that a text may have. */
	readonly lastId: number;
	/** Whether it is that of OpenAI's CLIP, which open_clip's own tokenizer has built in. */
	readonly isClip: boolean;
}

/** Number of ids of OpenAI's CLIP, the last two of which begin and end a text. */
export const CLIP_VOCABULARY_SIZE = 49_408;

/** SHA-256 of its ids' texts but those two, whose names differ, one a line. Source: OpenAI's `bpe_simple_vocab_16e6.txt`. */
const CLIP_VOCABULARY_SHA256 = "ee7a4423aea96d705babd8004aa41e3696ffd366e5d8f3227d4fa057768d60e0";

/** The vocabulary that tokenizer files hold as JSON; undefined if none of them does, as a SentencePiece model. */
export function readVocabulary(
	files: readonly { readonly name: string; readonly bytes: Buffer }[],
): Vocabulary | undefined {
	const json = (name: string) => parse(files.find((file) => file.name === name)?.bytes);
	const tokenizer = json("tokenizer.json");
	const ids = idsOf(json("vocab.json") ?? fieldOf(fieldOf(tokenizer, "model"), "vocab"));
	if (ids.length === 0) return undefined;
	const added = [
		...addedIds(fieldOf(tokenizer, "added_tokens")),
		...idsOf(json("added_tokens.json")).map(([, id]) => id),
	];
	const lastId = [...ids.map(([, id]) => id), ...added].reduce((a, b) => Math.max(a, b));
	return { lastId, isClip: lastId === CLIP_VOCABULARY_SIZE - 1 && digestOf(ids) === CLIP_VOCABULARY_SHA256 };
}

type TokenId = readonly [token: string, id: number];

/** Ids by token, or a list of tokens with their scores, whose places are their ids. */
function idsOf(vocabulary: unknown): readonly TokenId[] {
	if (Array.isArray(vocabulary)) return vocabulary.map((_, id): TokenId => ["", id]);
	if (typeof vocabulary !== "object" || vocabulary === null) return [];
	return Object.entries(vocabulary).filter((entry): entry is [string, number] => Number.isInteger(entry[1]));
}

function addedIds(tokens: unknown): number[] {
	if (!Array.isArray(tokens)) return [];
	return tokens.map((token) => fieldOf(token, "id")).filter((id): id is number => Number.isInteger(id));
}

function digestOf(ids: readonly TokenId[]): string {
	const ordinary = ids.filter(([, id]) => id < CLIP_VOCABULARY_SIZE - 2).toSorted(([, a], [, b]) => a - b);
	return createHash("sha256")
		.update(ordinary.map(([token]) => token).join("\n"))
		.digest("hex");
}

function fieldOf(value: unknown, field: string): unknown {
	return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}

function parse(bytes: Buffer | undefined): unknown {
	try {
		return bytes && JSON.parse(bytes.toString("utf8"));
	} catch {
		return undefined;
	}
}
