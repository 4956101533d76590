import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/convert.ts";
import { embed } from "../../src/embed.ts";
import { logitsPerImage } from "../../src/onnx/logits.ts";
import { expectSuccess, namesIn } from "../cli/expectations.ts";
import { f32Values, readSafetensors } from "../cli/read-safetensors.ts";
import { readNpy } from "../features/read-npy.ts";
import { type Given, largestError, openClipOf, readExpected } from "../onnx/systems.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { readyPictures, writeReady } from "./inputs.ts";

const ARRAYS = ["image_features", "text_features", "logits_per_image"] as const;

/** Flags that say what `options` say. */
function flagsOf({ text, archConfig, logitScale }: Given["options"]): string[] {
	return [
		...(text === undefined ? [] : ["--text-tower", text]),
		...[archConfig ?? []].flat().flatMap((file) => ["--arch-config", file]),
		...(logitScale === undefined ? [] : ["--logit-scale", String(logitScale)]),
	];
}

const expectedOf = (system: string) => `fixtures/onnx/${system}/expected.safetensors`;

const SYSTEMS: readonly { readonly system: string; readonly form: string; readonly given: Given }[] = [
	...["vit-quickgelu", "resnet", "digits-soup"].map((system) => {
		return { system, form: "openclip", given: openClipOf(system) };
	}),
	{ system: "vit-f16", form: "hf", given: { path: "fixtures/layouts/vit-f16/hf", options: {} } },
	{
		system: "convnext-mlp",
		form: "timm with the text tower of a pair",
		given: {
			path: "fixtures/layouts/convnext-mlp/timm",
			options: { text: "fixtures/layouts/convnext-mlp/hf/text", logitScale: Math.log(1 / 0.07) },
		},
	},
];

describe("clip-soup embed of ready tensors", () => {
	it.each(SYSTEMS)("writes what open_clip computes of $system as $form", async ({ system, given }) => {
		const folder = await temporaryFolder();
		const pixels = await writeReady(folder, "pixels.safetensors", { pixel_values: await readyPictures(given) });
		const output = join(folder, "features.safetensors");
		const ready = ["--pixel-values", pixels, "--input-ids", expectedOf(system)];

		const run = await runCli(["embed", given.path, ...flagsOf(given.options), ...ready, "-o", output]);

		expectSuccess(run);
		expect(run.stdout).toMatch(/^image features +2 × \d+/);
		const file = await readSafetensors(output);
		expect([...file.tensors.keys()].sort()).toEqual([...ARRAYS].sort());
		for (const name of ARRAYS) {
			expect(file.tensors.get(name)?.dtype).toBe("F32");
			const { values, tolerance } = await readExpected(system, name);
			expect(largestError(f32Values(file, name), values), name).toBeLessThanOrEqual(tolerance);
		}
		expect(await namesIn(folder)).toEqual(["features.safetensors", "pixels.safetensors"]);
	});

	it("needs nothing of a text tower for pictures", async () => {
		const given: Given = { path: "fixtures/layouts/convnext-mlp/timm", options: {} };
		const folder = await temporaryFolder();
		const pixels = await readyPictures(openClipOf("convnext-mlp"));
		const pixelValues = await writeReady(folder, "p.safetensors", { pixels });
		const { images, texts } = await embed(given.path, { pixelValues });
		const { values, tolerance } = await readExpected("convnext-mlp", "image_features");
		expect(texts).toBeUndefined();
		expect(largestError(images?.values ?? [], values)).toBeLessThanOrEqual(tolerance);
	});

	it("leaves the logits out where no file holds a temperature, and says so", async () => {
		const folder = await temporaryFolder();
		const pixels = await readyPictures(openClipOf("convnext-mlp"));
		const pixelValues = await writeReady(folder, "p.safetensors", { pixels });
		const textTower = "fixtures/layouts/convnext-mlp/hf/text";
		const options = { pixelValues, inputIds: expectedOf("convnext-mlp"), textTower };
		const { texts, logitsPerImage: logits, notices } = await embed("fixtures/layouts/convnext-mlp/timm", options);
		expect(texts?.names).toHaveLength(3);
		expect(logits).toBeUndefined();
		expect(notices).toContainEqual(expect.stringContaining("--logit-scale"));
	});

	it("has a tolerance that exchanged pictures exceed", async () => {
		const given = openClipOf("vit");
		const folder = await temporaryFolder();
		const pixelValues = await writeReady(folder, "p.safetensors", { pixel_values: await readyPictures(given) });
		const { images } = await embed(given.path, { pixelValues });
		const { values, tolerance } = await readExpected("vit", "image_features");
		const width = images?.width ?? 0;
		const found = Array.from(images?.values ?? []);
		expect(largestError(found, values)).toBeLessThanOrEqual(tolerance);
		expect(largestError([...found.slice(width), ...found.slice(0, width)], values)).toBeGreaterThan(tolerance);
	});

	it("gives the same features in every format", async () => {
		const { path } = openClipOf("digits-augreg");
		const folder = await temporaryFolder();
		const inputIds = expectedOf("digits-augreg");
		for (const name of ["f.safetensors", "f.npy", "f.json"])
			await embed(path, { inputIds, output: join(folder, name) });
		const { texts } = await embed(path, { inputIds });
		const { stdout } = await runCli(["embed", path, "--input-ids", inputIds, "--json"]);

		const values = Array.from(texts?.values ?? []);
		expect(values.length).toBe(3 * 64);
		expect(f32Values(await readSafetensors(join(folder, "f.safetensors")), "text_features")).toEqual(values);
		expect(readNpy(await readFile(join(folder, "f.npy")))).toEqual({ shape: [3, 64], values });
		const json = JSON.parse(await readFile(join(folder, "f.json"), "utf8"));
		expect(json.texts.rows.flatMap(({ features }: { features: number[] }) => features)).toEqual(values);
		expect(JSON.parse(stdout)).toMatchObject({ command: "embed", outcome: "ok", result: { textCount: 3, ...json } });
	});

	it("gives each of many rows what it gives it alone, whatever the batch", async () => {
		const given = openClipOf("vit");
		const folder = await temporaryFolder();
		const all = await readyPictures(given, 9);
		const rowBytes = (all.bytes?.byteLength ?? 0) / 9;
		const shape = [1, ...all.shape.slice(1)];
		const last = { dtype: "F32", shape, bytes: all.bytes?.subarray(8 * rowBytes) ?? new Uint8Array() } as const;
		const [nine, one] = await Promise.all([
			writeReady(folder, "nine.safetensors", { pixel_values: all }),
			writeReady(folder, "one.safetensors", { pixel_values: last }),
		]);
		const whole = (await embed(given.path, { pixelValues: nine })).images?.values ?? new Float32Array();
		const alone = Array.from((await embed(given.path, { pixelValues: one })).images?.values ?? []);
		// Kernels may block their sums otherwise for another number of rows.
		expect(largestError(whole.slice(-alone.length), alone)).toBeLessThanOrEqual(
			2e-6 * Math.max(...alone.map(Math.abs)),
		);
	});
});

describe("clip-soup embed of texts", () => {
	const digits = "fixtures/digits-clip/augreg";

	it("tokenises by the model's own tokenizer, and says what it cut", async () => {
		const long = Array(100).fill("seven").join(" ");
		const run = await runCli(["embed", digits, "--text", "number one.", "--text", long]);
		expectSuccess(run, [/^note: cut to 77 token ids, as OpenCLIP cuts: "seven seven/]);
		expect(run.stdout).toMatch(/^text features +2 × 64 +L2\n +number one\. +\d/);
	});

	it("takes the tokenizer of a pair's text folder, not the other's", async () => {
		const folder = join(await temporaryFolder(), "pair");
		await convert(digits, { to: ["hf"], output: folder, fsync: false });
		expect(await namesIn(folder)).toContain("text/tokenizer.json");
		await writeFile(join(folder, "vision", "tokenizer.json"), "{}");
		const [pair, single] = [await embed(folder, { texts: ["one"] }), await embed(digits, { texts: ["one"] })];
		const expected = Array.from(single.texts?.values ?? []);
		// The pair stores q, k and v apart: the same sums in another order.
		const tolerance = 2e-6 * Math.max(...expected.map(Math.abs));
		expect(largestError(pair.texts?.values ?? [], expected)).toBeLessThanOrEqual(tolerance);
	});

	it("takes the tokenizer that is named", async () => {
		const { path, options } = openClipOf("digits-soup");
		const { archConfig } = options;
		const { texts } = await embed(path, { archConfig, texts: ["one"], tokenizer: digits });
		expect(texts?.names).toEqual(["one"]);
		await expect(embed(path, { archConfig, texts: ["one"] })).rejects.toMatchObject({ code: "ERR_TOKENIZER" });
	});

	it("has the logits of both towers' features", async () => {
		const folder = await temporaryFolder();
		const given = openClipOf("digits-augreg");
		const pixelValues = await writeReady(folder, "p.safetensors", { x: await readyPictures(given, 5) });
		const { images, texts, logitsPerImage: found } = await embed(given.path, { pixelValues, texts: ["one", "two"] });
		expect(found).toHaveLength(10);
		const bare = { scale: 1, bias: 0 };
		const cosines = logitsPerImage(images?.values ?? [], texts?.values ?? [], 64, bare);
		const ratios = Array.from(cosines, (cosine, index) => (found?.[index] ?? Number.NaN) / cosine);
		expect(Math.max(...ratios) - Math.min(...ratios)).toBeLessThan(1e-5);
	});
});
