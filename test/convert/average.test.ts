import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { average, convert, type LayoutId } from "../../src/index.ts";
import { expectDone, expectFailure } from "../cli/expectations.ts";
import { sha256 } from "../cli/read-safetensors.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import {
	changedCopy,
	type Digests,
	digestsOf,
	digitsPath,
	layoutPath,
	libraryDigests,
	readTensors,
	required,
} from "./fixtures.ts";

const [AUGREG, REWIND, SOUP] = [digitsPath("augreg"), digitsPath("rewind"), digitsPath("soup")];

/** Folders of a digits-clip in other layouts, each made once for a test. */
async function digitsAs(folder: string, name: "augreg" | "rewind", form: "timm" | "hf" | "dual"): Promise<string> {
	const output = join(folder, `${name}-${form}`);
	const to: LayoutId[] = [form === "timm" ? "timm" : "hf"];
	await convert(digitsPath(name), { to, hfDual: form === "dual", output, fsync: false, force: true });
	return output;
}

describe("avg of inputs in different layouts", () => {
	it.each([
		{ inputs: "openclip and hf", a: "openclip", b: "hf" },
		{ inputs: "hf and openclip", a: "hf", b: "openclip" },
		{ inputs: "hf and its single-folder form", a: "hf", b: "dual" },
		{ inputs: "the single-folder form and openclip", a: "dual", b: "openclip" },
	] as const)("is the soup that Python made, to the bit: $inputs", async ({ a, b }) => {
		const folder = await temporaryFolder();
		const first = a === "openclip" ? AUGREG : await digitsAs(folder, "augreg", a);
		const second = b === "openclip" ? REWIND : await digitsAs(folder, "rewind", b);
		await average([first, second], { to: "openclip", output: join(folder, "soup"), fsync: false });
		expect(await digestsOf(join(folder, "soup"))).toEqual(await digestsOf(SOUP));
	});

	it("is written in the first input's layout, or that of --to", async () => {
		const cwd = await temporaryFolder();
		const hf = await digitsAs(cwd, "augreg", "hf");
		expectDone(await runCli(["avg", hf, REWIND, "-o", "own"], { cwd }));
		expectDone(await runCli(["avg", hf, REWIND, "--to", "timm", "-o", "timm"], { cwd }));
		expectDone(await runCli(["avg", AUGREG, hf, "--to", "hf", "--hf-dual", "-o", "same"], { cwd }));
		const expected = await libraryDigests("digits-clip-soup", "hf/vision");
		expect(await digestsOf(join(cwd, "own", "vision"))).toEqual(expected);
		expect(await digestsOf(join(cwd, "own", "text"))).toEqual(await libraryDigests("digits-clip-soup", "hf/text"));
		expect(await digestsOf(join(cwd, "timm"))).toEqual(await libraryDigests("digits-clip-soup", "timm"));
		const dual = await digitsAs(cwd, "augreg", "dual");
		expect(await digestsOf(join(cwd, "same"))).toEqual(await digestsOf(dual));
	});

	it("takes image towers from timm, where only these are averaged", async () => {
		const folder = await temporaryFolder();
		const timm = await digitsAs(folder, "augreg", "timm");
		await average([timm, REWIND], {
			to: "timm",
			archConfig: join(AUGREG, "open_clip_config.json"),
			output: join(folder, "soup"),
			fsync: false,
		});
		expect(await digestsOf(join(folder, "soup"))).toEqual(await libraryDigests("digits-clip-soup", "timm"));
	});

	it("refuses an image tower where a whole CLIP is to be written", async () => {
		const cwd = await temporaryFolder();
		const timm = await digitsAs(cwd, "rewind", "timm");
		expectFailure(await runCli(["avg", AUGREG, timm, "-o", "out"], { cwd }), {
			code: "ERR_TENSOR_MISSING",
			says: ["input 2", "found no text tower"],
			fix: /--text.*--to timm/,
		});
	});

	it("refuses models of different architectures, naming fact and input", async () => {
		const cwd = await temporaryFolder();
		const run = await runCli(["avg", AUGREG, layoutPath("convnext-mlp", "hf-dual"), "-o", "out"], { cwd });
		expectFailure(run, {
			code: "ERR_ARCHITECTURE_MISMATCH",
			says: ["input 2", "embedDim 48, expected 64"],
			fix: /one architecture/,
		});
	});

	it("refuses another activation, which no tensor shows", async () => {
		const cwd = await temporaryFolder();
		const quick = await changedCopy(layoutPath("vit-f16", "hf"), join(cwd, "quick"), {
			json: {
				"config.json": (json) => ({
					...json,
					text_config: { ...Object(json.text_config), hidden_act: "quick_gelu" },
					vision_config: { ...Object(json.vision_config), hidden_act: "quick_gelu" },
				}),
			},
		});
		const run = await runCli(["avg", layoutPath("vit-f16", "openclip"), quick, "-o", "out"], { cwd });
		expectFailure(run, {
			code: "ERR_ARCHITECTURE_MISMATCH",
			says: ["quickGelu true, expected false"],
			fix: /architecture/,
		});
	});

	it("refuses shards of OpenCLIP, and one file for a pair", async () => {
		const cwd = await temporaryFolder();
		const hf = await digitsAs(cwd, "augreg", "hf");
		expectFailure(await runCli(["avg", REWIND, hf, "--max-shard-size", "1MB", "-o", "out"], { cwd }), {
			code: "ERR_USAGE",
			says: ["open_clip reads no shards"],
			fix: /--max-shard-size/,
		});
		expectFailure(await runCli(["avg", hf, REWIND, "-o", "out.safetensors"], { cwd }), {
			code: "ERR_USAGE",
			says: ["pair of folders"],
			fix: /--to/,
		});
	});
});

describe("avg across layouts", () => {
	it("keeps tensors by their canonical names", async () => {
		const folder = await temporaryFolder();
		const hf = await digitsAs(folder, "rewind", "hf");
		const keep = { logit_scale: 2, text_projection: 1, "transformer.resblocks.0.attn.in_proj_weight": 2 };
		const { tensors } = await average([AUGREG, hf], { keep, output: join(folder, "soup"), fsync: false });
		expect(tensors.kept).toBe(3);
		const [found, augreg, rewind] = await Promise.all([join(folder, "soup"), AUGREG, REWIND].map(readTensors));
		for (const [name, input] of Object.entries(keep)) {
			const source = input === 1 ? augreg : rewind;
			expect(required(found ?? new Map(), name).bytes, name).toEqual(required(source ?? new Map(), name).bytes);
		}
		expect(required(found ?? new Map(), "ln_final.weight").bytes).not.toEqual(
			required(augreg ?? new Map(), "ln_final.weight").bytes,
		);
	});

	it("refuses to keep a name that is not canonical, with the nearest that is", async () => {
		const cwd = await temporaryFolder();
		const hf = await digitsAs(cwd, "rewind", "hf");
		const run = await runCli(["avg", AUGREG, hf, "--keep", "logit_scales=1", "-o", "soup"], { cwd });
		expectFailure(run, { code: "ERR_USAGE", says: ['"logit_scales"'], fix: /logit_scale/ });
	});

	it("tells digests of what each folder stores", async () => {
		const folder = await temporaryFolder();
		const hf = await digitsAs(folder, "rewind", "hf");
		const output = join(folder, "soup");
		const { digests } = await average([AUGREG, hf], { digests: true, output, fsync: false });
		const written = await digestsOf(output);
		const lines = Object.entries(written).map(
			([name, [dtype, shape, digest]]) => `${name}\0${dtype}\0${shape.join(",")}\0${digest}\n`,
		);
		expect(digests?.output.modelDigest).toBe(`sha256:${sha256(lines.join(""))}`);
		const own = await average([AUGREG, REWIND], { digests: true, output: join(folder, "plain"), fsync: false });
		expect(digests?.output.modelDigest).toBe(own.digests?.output.modelDigest);
		expect(digests?.inputs[0]?.modelDigest).toBe(own.digests?.inputs[0]?.modelDigest);
	});

	it("gives the same bytes with any number of threads and any chunks", async () => {
		const folder = await temporaryFolder();
		const hf = await digitsAs(folder, "rewind", "hf");
		const results: Digests[] = [];
		for (const [threads, chunkByteLength] of [
			[1, 8],
			[2, undefined],
			[5, 1000],
		] as const) {
			const output = join(folder, `out${threads}`);
			await average([AUGREG, hf], { threads, chunkByteLength, output, fsync: false });
			results.push(await digestsOf(output));
		}
		expect(results).toEqual(results.map(() => results[0]));
	});
});

describe("laws", () => {
	it("convert after avg is avg after convert, to the bit, whatever the weights", async () => {
		const folder = await temporaryFolder();
		const options = { fsync: false, force: true } as const;
		const converted = await Promise.all((["augreg", "rewind"] as const).map((name) => digitsAs(folder, name, "hf")));
		const weight = fc.double({ min: -2, max: 2, noNaN: true }).filter((value) => Math.abs(value) > 1e-3);
		await fc.assert(
			fc.asyncProperty(fc.tuple(weight, weight), async (weights) => {
				fc.pre(Math.abs(weights[0] + weights[1]) > 1e-3);
				await average([AUGREG, REWIND], { ...options, weights, output: join(folder, "avg") });
				await convert(join(folder, "avg"), { ...options, to: ["hf"], output: join(folder, "avg-convert") });
				await average(converted, { ...options, weights, output: join(folder, "convert-avg") });
				for (const part of ["vision", "text"]) {
					const [left, right] = [join(folder, "avg-convert", part), join(folder, "convert-avg", part)];
					expect(await digestsOf(left)).toEqual(await digestsOf(right));
				}
			}),
			{ numRuns: 4 },
		);
	});

	it("the average of a model with itself in another layout is the model", async () => {
		const folder = await temporaryFolder();
		for (const system of ["vit-f16", "convnext-mlp"]) {
			const other = layoutPath(system, system === "vit-f16" ? "hf" : "hf-dual");
			const output = join(folder, system);
			await average([layoutPath(system, "openclip"), other], { output, fsync: false });
			expect(await digestsOf(output)).toEqual(await libraryDigests(system, "openclip"));
		}
	});
});
