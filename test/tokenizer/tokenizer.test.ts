import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalFolder } from "../../src/bytes/folder.ts";
import { openTokenizer, type TextTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { readCases, writeTokenizer } from "./fixtures.ts";

const CLIP = { vocabularySize: 49408, contextLength: 77 };
const [START, END] = [49406, 49407];
const DIGITS = "fixtures/digits-clip/augreg";
const local = (path: string) => new LocalFolder(path);
const CASES = await readCases();

let folder: string;
let tokenizer: TextTokenizer;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "clip-soup-test-"));
	await writeTokenizer(folder);
	tokenizer = await openTokenizer([local(folder)], CLIP, "a model");
});

afterAll(() => rm(folder, { recursive: true }));

function rowOf(text: string): number[] {
	return Array.from(tokenizer.tokenize([text]).ids, Number);
}

function padded(ids: readonly number[]): number[] {
	return [...ids, ...Array.from({ length: CLIP.contextLength - ids.length }, () => 0)];
}

describe("the ids of a text", () => {
	it.each(CASES)("are transformers' for $text", ({ text, hf }) => {
		expect(rowOf(text)).toEqual(padded(hf));
	});

	it.each(CASES.filter(({ same }) => same))("are OpenCLIP's for $text", ({ text, open_clip }) => {
		expect(rowOf(text)).toEqual(padded(open_clip));
	});

	it.each(CASES.filter(({ same }) => !same))(
		"are not OpenCLIP's, which cleans it, for $text",
		({ text, open_clip }) => {
			expect(rowOf(text)).not.toEqual(padded(open_clip));
		},
	);

	it("take a capital sigma at the end of a word for ς, as OpenCLIP does and transformers does not", () => {
		const lower = rowOf("καλος");
		expect(rowOf("ΚΑΛΟΣ")).toEqual(lower);
		// `SimpleTokenizer.encode("ΚΑΛΟΣ")` of open_clip 4.2.0.dev0.
		expect(lower).toEqual(padded([START, 138, 118, 138, 109, 138, 119, 138, 123, 139, 480, END]));
	});

	it("make a row that opens with the start id, has one end id and then zeros, whatever the text", () => {
		const plain = fc.string({ unit: "grapheme", maxLength: 200 }).filter((text) => !text.includes("<|"));
		fc.assert(
			fc.property(plain, (text) => {
				const row = rowOf(text);
				const end = row.indexOf(END);
				expect(row.length).toBe(CLIP.contextLength);
				expect(row[0]).toBe(START);
				expect(row.slice(1, end).every((id) => id >= 0 && id < START)).toBe(true);
				expect(row.slice(end + 1).every((id) => id === 0)).toBe(true);
			}),
		);
	});

	it.each([
		[75, []],
		[76, [0]],
	])("keep the end id in the last place for %i words, and say what was cut", (words, cut) => {
		const rows = tokenizer.tokenize([Array(words).fill("word").join(" ")]);
		expect(rows.cut).toEqual(cut);
		expect(Number(rows.ids.at(-1))).toBe(END);
		expect(rows.ids.slice(1, -1).every((id) => id === rows.ids[1])).toBe(true);
	});

	it("lie row by row in the order of the texts", () => {
		const texts = ["a cat", "", "a dog"];
		expect(Array.from(tokenizer.tokenize(texts).ids, Number)).toEqual(texts.flatMap(rowOf));
	});
});

describe("openTokenizer", () => {
	it("takes the first folder that has one", async () => {
		const empty = await temporaryFolder();
		const { ids } = (await openTokenizer([empty, folder, DIGITS].map(local), CLIP, "a model")).tokenize(["a cat"]);
		expect(ids[0]).toBe(BigInt(START));
	});

	it.each([[[]], [["no/such/folder"]], [["fixtures/digits-clip/soup"]]])("says that %j has none", async (folders) => {
		await expect(openTokenizer(folders.map(local), CLIP, '"soup/"')).rejects.toMatchObject({
			code: "ERR_TOKENIZER",
			message: expect.stringContaining('Cannot tokenise for "soup/": found no tokenizer.json'),
			fix: expect.stringContaining("--tokenizer"),
		});
	});

	it("says that tokenizer_config.json is missing", async () => {
		const half = await temporaryFolder();
		await copyFile(join(DIGITS, "tokenizer.json"), join(half, "tokenizer.json"));
		const opened = openTokenizer([local(half)], { ...CLIP, vocabularySize: 1000 }, "it");
		await expect(opened).rejects.toMatchObject({
			code: "ERR_TOKENIZER",
			message: expect.stringContaining("found no tokenizer_config.json"),
		});
	});

	it.each(["", "[]", "null", "{", "{}", '{"model":{"type":"BPE"}}'])("refuses the tokenizer %o", async (json) => {
		const bad = await temporaryFolder();
		await copyFile(join(DIGITS, "tokenizer_config.json"), join(bad, "tokenizer_config.json"));
		await writeFile(join(bad, "tokenizer.json"), json);
		const opened = openTokenizer([local(bad)], CLIP, "it");
		await expect(opened).rejects.toMatchObject({ code: "ERR_TOKENIZER", message: expect.stringContaining(bad) });
	});

	it("refuses a tokenizer without start and end ids", async () => {
		const bare = await temporaryFolder();
		const json = JSON.parse(await readFile(join(DIGITS, "tokenizer.json"), "utf8"));
		await copyFile(join(DIGITS, "tokenizer_config.json"), join(bare, "tokenizer_config.json"));
		await writeFile(join(bare, "tokenizer.json"), JSON.stringify({ ...json, post_processor: null }));
		await expect(openTokenizer([local(bare)], { ...CLIP, vocabularySize: 1000 }, "it")).rejects.toMatchObject({
			code: "ERR_TOKENIZER",
			message: expect.stringContaining("expected a start id and an end id"),
		});
	});

	it.each([1001, 999, 49408])("refuses the tokenizer of 1000 ids for a model of %i", async (vocabularySize) => {
		await expect(openTokenizer([local(DIGITS)], { ...CLIP, vocabularySize }, "it")).rejects.toMatchObject({
			code: "ERR_TOKENIZER",
			message: expect.stringContaining(`found end id 999, expected ${vocabularySize - 1}`),
		});
	});

	it("refuses ids that the model has not", async () => {
		const odd = await temporaryFolder();
		const json = JSON.parse(await readFile(join(DIGITS, "tokenizer.json"), "utf8"));
		const vocab = { ...json.model.vocab, "a</w>": 1000 };
		await copyFile(join(DIGITS, "tokenizer_config.json"), join(odd, "tokenizer_config.json"));
		await writeFile(join(odd, "tokenizer.json"), JSON.stringify({ ...json, model: { ...json.model, vocab } }));
		const opened = await openTokenizer([local(odd)], { ...CLIP, vocabularySize: 1000 }, "it");
		expect(() => opened.tokenize(["a"])).toThrow(/found id 1000, expected ids from 0 to 999/);
	});
});
