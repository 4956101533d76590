import { readFileSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { average, convert, type LayoutId } from "../../src/index.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { changedCopy, digitsPath, jsonAt, layoutPath } from "./fixtures.ts";

const NAMES = ["merges.txt", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"];

let folder: string;

beforeEach(async () => {
	folder = await temporaryFolder();
});

async function converted(input: string, to: LayoutId, name: string, hfDual = false) {
	const output = join(folder, name);
	const { notices } = await convert(input, { to: [to], output, hfDual, fsync: false });
	return { output, notices: notices.join("\n") };
}

async function tokenizerName(output: string): Promise<unknown> {
	const { model_cfg: config } = await jsonAt(output, "open_clip_config.json");
	return config.text_cfg.hf_tokenizer_name;
}

describe("a tokenizer that is not OpenAI's", () => {
	it("is named for open_clip, which would take its own otherwise", async () => {
		const hf = await converted(digitsPath("rewind"), "hf", "digits");
		const { output, notices } = await converted(hf.output, "openclip", "home");
		expect(await readdir(output)).toEqual(expect.arrayContaining(NAMES));
		expect(await tokenizerName(output)).toBe("tokenizer-in-this-folder");
		expect(notices).toMatch(/a tokenizer of its own: .*hf_tokenizer_name has to be the repository/);
	});

	it("keeps the name that a model_cfg has for it", async () => {
		const { output, notices } = await converted(digitsPath("rewind"), "openclip", "again");
		expect(await tokenizerName(output)).toBe("digits-clip");
		expect(notices).not.toMatch(/tokenizer/);
	});

	it("is missed where its files are", async () => {
		const hf = await converted(digitsPath("rewind"), "hf", "digits");
		for (const name of NAMES) await rm(join(hf.output, "text", name));
		const { output, notices } = await converted(hf.output, "openclip", "home");
		expect(await tokenizerName(output)).toBeUndefined();
		expect(notices).toMatch(/no tokenizer files: open_clip's own tokenizer has 49408 ids, the model 1000/);
	});

	it("comes from the first input of a soup that has it, with the configuration that names it", async () => {
		const dual = await converted(digitsPath("rewind"), "hf", "dual", true);
		for (const name of NAMES) await rm(join(dual.output, name));
		const output = join(folder, "soup");
		const inputs = [dual.output, digitsPath("augreg")];
		const { notices } = await average(inputs, { to: "openclip", output, fsync: false });
		expect(await readdir(output)).toEqual(expect.arrayContaining(NAMES));
		expect(await tokenizerName(output)).toBe("digits-clip");
		expect(notices).toContain("vocab.json: input 2 has it, input 1 has not");
	});

	it("is asked for by its name on the way to transformers, and its options are said to be lost", async () => {
		const input = await changedCopy(layoutPath("vit-f16", "openclip"), join(folder, "in"), {
			json: {
				"open_clip_config.json": (json) => {
					const { text_cfg: text, ...config } = Object(json.model_cfg);
					const named = { ...text, hf_tokenizer_name: "org/words", tokenizer_kwargs: { clean: "canonicalize" } };
					return { ...json, model_cfg: { ...config, text_cfg: named } };
				},
			},
		});
		const { notices } = await converted(input, "hf", "out");
		expect(notices).toMatch(/transformers needs those of the model .*, which the configuration calls "org\/words"/);
		expect(notices).toMatch(/nothing of tokenizer_kwargs \{"clean":"canonicalize"\}/);
	});
});

it("leaves OpenAI's tokenizer to open_clip, which has it", async () => {
	const input = await changedCopy(layoutPath("vit-f16", "hf"), join(folder, "in"), {});
	await mkdir(input, { recursive: true });
	await writeFile(join(input, "tokenizer.json"), gunzipSync(readFileSync("fixtures/tokenizer/tokenizer.json.gz")));
	const { output, notices } = await converted(input, "openclip", "out");
	expect(await tokenizerName(output)).toBeUndefined();
	expect(notices).not.toMatch(/tokenizer/);
});
