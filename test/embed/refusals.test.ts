import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { classify, type EmbedOptions, embed } from "../../src/embed.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { expectFailure, namesIn } from "../cli/expectations.ts";
import { openClipOf } from "../onnx/systems.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { ids, pixels, readyPictures, writeReady } from "./inputs.ts";

const DIGITS = "fixtures/digits-clip/augreg";
const EXPECTED = "fixtures/onnx/digits-augreg/expected.safetensors";

/** A row of token ids that any text could have. */
const ROW = [998, 1, 2, 999, ...Array<number>(73).fill(0)];

interface Refusal {
	readonly code: ErrorCode;
	readonly found: string;
	readonly fix: RegExp;
}

async function expectRefusal(work: Promise<unknown>, { code, found, fix }: Refusal): Promise<void> {
	await expect(work).rejects.toMatchObject({
		code,
		message: expect.stringContaining(found),
		fix: expect.stringMatching(fix),
	});
}

describe("clip-soup embed refuses", () => {
	it.each([
		["no input", [], "found no picture and no text", /give --image, --text, or both/],
		["--classes without --zero-shot", ["--text", "a", "--classes", "c"], "--classes without --zero-shot", /--help/],
		["--all without --zero-shot", ["--text", "a", "--all"], "--all without --zero-shot", /--help/],
		["-o with --zero-shot", ["--zero-shot", "--text", "a", "-o", "x.json"], "--output with --zero-shot", /--help/],
		["--input-ids with --zero-shot", ["--zero-shot", "--input-ids", "a"], "--input-ids with --zero-shot", /--help/],
		["no name", ["--text", "a", "-o", ""], "expected a name", /--help/],
	])("%s", async (_, args, found, fix) => {
		const run = await runCli(["embed", DIGITS, ...args]);
		expectFailure(run, { code: "ERR_USAGE", says: [found], fix });
	});

	it("a template without a place for the class, and a file without lines", async () => {
		const folder = await temporaryFolder();
		const [templates, empty] = [join(folder, "t.txt"), join(folder, "e.txt")];
		await writeFile(templates, "a photo of a {}.\na photo\n");
		await writeFile(empty, "\n \r\n");
		const args = ["embed", DIGITS, "--zero-shot", "--image", "a.png", "--text", "a"];
		const noPlace = await runCli([...args, "--templates", templates]);
		expectFailure(noPlace, { code: "ERR_USAGE", says: ['template "a photo": found no {}'], fix: /put {}/ });
		const noLine = await runCli([...args, "--classes", empty]);
		expectFailure(noLine, { code: "ERR_USAGE", says: ["e.txt", "found no line"], fix: /one a line/ });
		const noFile = await runCli([...args, "--classes", join(folder, "no.txt")]);
		expectFailure(noFile, { code: "ERR_INPUT_NOT_FOUND", says: ["no.txt"], fix: /path/ });
	});
});

describe("embed refuses", () => {
	it.each<[string, EmbedOptions, string, RegExp]>([
		["texts in two forms", { texts: ["a"], inputIds: EXPECTED }, "both --text and --input-ids", /leave one/],
		["pictures in two forms", { images: ["a"], pixelValues: "b" }, "both --image and --pixel-values", /leave one/],
		["another extension", { texts: ["a"], output: "x.csv" }, 'extension ".csv"', /features.safetensors/],
	])("%s", async (_, options, found, fix) => {
		await expectRefusal(embed(DIGITS, options), { code: "ERR_USAGE", found, fix });
	});

	it(".npy for pictures and texts together", async () => {
		const folder = await temporaryFolder();
		const pixelValues = await writeReady(folder, "p.safetensors", {
			x: await readyPictures(openClipOf("digits-augreg")),
		});
		const written = embed(DIGITS, { pixelValues, texts: ["a"], output: join(folder, "x.npy") });
		await expectRefusal(written, { code: "ERR_USAGE", found: "image and text features", fix: /\.safetensors/ });
		expect(await namesIn(folder)).toEqual(["p.safetensors"]);
	});

	const TIMM = "fixtures/layouts/convnext-mlp/timm";
	const TEXT = "fixtures/layouts/convnext-mlp/hf/text";
	const VIT = "fixtures/onnx/vit/openclip";
	const texts = ["a"];
	const noTokenizer = `Cannot tokenise for "${VIT}": found no tokenizer.json`;
	// biome-ignore format: a table
	it.each<[string, string, EmbedOptions, Refusal]>([
		["a checkpoint that is no CLIP", "fixtures/averaging/a.safetensors", { texts }, { code: "ERR_LAYOUT_MISMATCH", found: "expected a CLIP", fix: /./ }],
		["texts without a text tower, and names the option that gives one", TIMM, { texts }, { code: "ERR_TENSOR_MISSING", found: "found no text tower", fix: /--text-tower/ }],
		["pictures without an image tower", TEXT, { images: ["a"] }, { code: "ERR_TENSOR_MISSING", found: "found no image tower", fix: /folder/ }],
		["texts where there is no tokenizer", VIT, { texts }, { code: "ERR_TOKENIZER", found: noTokenizer, fix: /--tokenizer, or .* --input-ids/ }],
		["the tokenizer of another model", VIT, { texts, tokenizer: DIGITS }, { code: "ERR_TOKENIZER", found: "end id 999, expected 599", fix: /--tokenizer/ }],
		["a picture that is not there", DIGITS, { images: ["no/such.png"] }, { code: "ERR_INPUT_NOT_FOUND", found: '"no/such.png"', fix: /path/ }],
	])("%s", async (_, path, options, refusal) => {
		await expectRefusal(embed(path, options), refusal);
	});

	it("classes without a picture, and pictures without a class", async () => {
		const noPicture = classify(DIGITS, { classes: ["a"] });
		await expectRefusal(noPicture, { code: "ERR_USAGE", found: "found no picture", fix: /--image/ });
		const noClass = classify(DIGITS, { images: ["a.png"], classes: [] });
		await expectRefusal(noClass, { code: "ERR_USAGE", found: "found no class", fix: /--text or --classes/ });
	});

	it.each([-1n, 1000n])("token id %i", async (id) => {
		const folder = await temporaryFolder();
		const inputIds = await writeReady(folder, "t.safetensors", {
			x: ids([...ROW, ...ROW.with(2, Number(id))], [2, 77]),
		});
		const written = embed(DIGITS, { inputIds, output: join(folder, "x.json") });
		await expectRefusal(written, {
			code: "ERR_VALUE_MISMATCH",
			found: `input_ids[1] of "${inputIds}": found id ${id}`,
			fix: /./,
		});
		expect(await namesIn(folder)).toEqual(["t.safetensors"]);
	});

	it("features that are not finite because of a pixel", async () => {
		const folder = await temporaryFolder();
		const ready = await readyPictures(openClipOf("digits-augreg"), 6);
		const values = new Float32Array(ready.bytes?.slice().buffer ?? []);
		values[Math.floor((5.5 * values.length) / 6)] = Number.NaN;
		const pixelValues = await writeReady(folder, "p.safetensors", { x: pixels(values, ready.shape.map(Number)) });
		const written = embed(DIGITS, { pixelValues, output: join(folder, "x.npy") });
		const found = 'features of "pixel_values[5]": found NaN or Inf out of the image tower';
		await expectRefusal(written, { code: "ERR_NON_FINITE", found, fix: /ready tensors/ });
		expect(await namesIn(folder)).toEqual(["p.safetensors"]);
	});
});

describe("an output of clip-soup embed", () => {
	it("is refused where something is, unless --force", async () => {
		const output = join(await temporaryFolder(), "f.npy");
		await writeFile(output, "mine");
		const args = ["embed", DIGITS, "--input-ids", EXPECTED, "-o", output];
		expectFailure(await runCli(args), { code: "ERR_OUTPUT_EXISTS", says: ['"f.npy" exists'], fix: /--force/ });
		expect(await readFile(output, "utf8")).toBe("mine");
		const forced = await runCli([...args, "--force", "--quiet"]);
		expect([forced.exitCode, forced.stdout]).toEqual([0, ""]);
		expect((await readFile(output)).toString("latin1", 1, 6)).toBe("NUMPY");
	});

	it("is never an input: neither weights, configuration nor ready tensors", async () => {
		const folder = join(await temporaryFolder(), "model");
		await mkdir(folder);
		for (const name of [
			"open_clip_config.json",
			"tokenizer.json",
			"tokenizer_config.json",
			"open_clip_model.safetensors",
		])
			await writeFile(join(folder, name), await readFile(join(DIGITS, name)));
		const inputIds = await writeReady(folder, "ids.safetensors", { x: ids(ROW, [1, 77]) });
		const names = ["open_clip_model.safetensors", "open_clip_config.json", "tokenizer.json", "ids.safetensors"];
		for (const name of names) {
			const before = await readFile(join(folder, name));
			const written = embed(folder, { inputIds, output: join(folder, name), force: true });
			await expect(written, name).rejects.toMatchObject({ code: "ERR_OUTPUT_IS_INPUT" });
			expect((await readFile(join(folder, name))).equals(before)).toBe(true);
		}
	});

	it("needs a folder that exists, and no folder of its name", async () => {
		const folder = await temporaryFolder();
		await mkdir(join(folder, "x.npy"));
		const write = (...names: string[]) =>
			embed(DIGITS, { inputIds: EXPECTED, output: join(folder, ...names), force: true });
		await expectRefusal(write("no", "x.npy"), {
			code: "ERR_OUTPUT_NOT_WRITABLE",
			found: "does not exist",
			fix: /mkdir -p/,
		});
		await expectRefusal(write("x.npy"), {
			code: "ERR_OUTPUT_EXISTS",
			found: "a folder of that name",
			fix: /without \.npy/,
		});
	});

	it("does not appear when the run is stopped", async () => {
		const folder = await temporaryFolder();
		const stopped = embed(
			DIGITS,
			{ inputIds: EXPECTED, output: join(folder, "f.json") },
			{ signal: AbortSignal.abort(new Error("enough")) },
		);
		await expect(stopped).rejects.toThrow("enough");
		expect(await namesIn(folder)).toEqual([]);
	});
});
