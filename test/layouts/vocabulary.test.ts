import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readVocabulary } from "../../src/layouts/vocabulary.ts";

const CLIP = JSON.parse(gunzipSync(readFileSync("fixtures/tokenizer/tokenizer.json.gz")).toString("utf8"));

const file = (name: string, json: unknown) => ({ name, bytes: Buffer.from(JSON.stringify(json)) });

describe("readVocabulary", () => {
	it("knows OpenAI's, in either file and whatever its last two ids are called", () => {
		const clip = { lastId: 49_407, isClip: true };
		expect(readVocabulary([file("tokenizer.json", CLIP)])).toEqual(clip);
		const { "<|startoftext|>": begin, "<|endoftext|>": end, ...ordinary } = CLIP.model.vocab;
		const renamed = { ...ordinary, "<start_of_text>": begin, "<end_of_text>": end };
		expect(readVocabulary([file("vocab.json", renamed)])).toEqual(clip);
	});

	it("sees two ids exchanged", () => {
		const { vocab } = CLIP.model;
		const exchanged = { ...vocab, "cat</w>": vocab["dog</w>"], "dog</w>": vocab["cat</w>"] };
		expect(readVocabulary([file("vocab.json", exchanged)])).toEqual({ lastId: 49_407, isClip: false });
	});

	it("sees a token added to OpenAI's", () => {
		const added = { ...CLIP, added_tokens: [...CLIP.added_tokens, { id: 49_408, content: "<new>" }] };
		expect(readVocabulary([file("tokenizer.json", added)])).toEqual({ lastId: 49_408, isClip: false });
		const files = [file("vocab.json", CLIP.model.vocab), file("added_tokens.json", { "<new>": 49_500 })];
		expect(readVocabulary(files)).toEqual({ lastId: 49_500, isClip: false });
	});

	it("counts the tokens of a list", () => {
		const unigram = {
			model: {
				vocab: [
					["<pad>", 0],
					["a", -1.5],
					["b", -2],
				],
			},
		};
		expect(readVocabulary([file("tokenizer.json", unigram)])).toEqual({ lastId: 2, isClip: false });
	});

	it.each([
		["no file", []],
		["another model", [{ name: "spiece.model", bytes: Buffer.from("x") }]],
		["what is no JSON", [{ name: "vocab.json", bytes: Buffer.from("x") }]],
		["JSON of another form", [file("tokenizer.json", { model: null })]],
	])("knows nothing of %s", (_, files) => {
		expect(readVocabulary(files)).toBeUndefined();
	});
});
