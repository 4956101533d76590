import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PRESETS, requirePreset } from "../../src/architectures/index.ts";
import { convert, inspect } from "../../src/index.ts";
import { canonicalInventory } from "../../src/layouts/canonical.ts";
import { serializeHeader } from "../../src/safetensors/serialize.ts";
import { expectDone, expectFailure } from "../cli/expectations.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { aloneIn, changedCopy, digitsPath, layoutPath, swap } from "./fixtures.ts";

const VIT = layoutPath("vit-f16", "openclip");
const WEIGHTS = ["vit-f16", "openclip", "open_clip_model.safetensors"] as const;

/** The model card of laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup: whole, image and text. */
const CARD = [
	["ViT-H-16", "150.96 122.01 986.26", "127.4 100.81 632.23", "23.57 21.2 354.03"],
	["ViT-H-14", "190.97 160.61 986.11", "167.4 139.41 632.08", "23.57 21.2 354.03"],
	["ViT-L-14-336", "197.76 278.19 427.94", "191.1 270.24 304.29", "6.66 7.95 123.65"],
	["convnext_xxlarge", "221.66 145.66 1200.58", "198.09 124.45 846.54", "23.57 21.2 354.03"],
	["RN50x64", "276.8 249.73 623.26", "265.02 239.13 420.38", "11.78 10.6 202.88"],
	["ViT-g-14", "290.74 213.84 1366.68", "267.18 192.64 1012.65", "23.57 21.2 354.03"],
	["convnext_xxlarge_320", "333.08 215.66 1200.58", "309.52 194.46 846.54", "23.57 21.2 354.03"],
	["ViT-H-14-336", "414.53 428.74 986.52", "390.97 407.54 632.49", "23.57 21.2 354.03"],
	["ViT-bigG-14", "532.92 310.71 2539.57", "483.96 275.37 1844.91", "48.96 35.34 694.66"],
].map(([model = "", total = "", image = "", text = ""]) => ({ model, total, image, text }));

/** The cells of a row of a printed table. */
function cells(stdout: string, row: string): string | undefined {
	return new RegExp(`^${row} +(.*)$`, "m").exec(stdout)?.[1]?.trim().replace(/ +/g, " ");
}

describe("inspect tells", () => {
	it("layout, towers and facts, each with its sources", async () => {
		const run = await runCli(["inspect", VIT]);
		expectDone(run);
		expect(cells(run.stdout, "layout")).toMatch(/^openclip, by 62 of 62 tensor names/);
		expect(cells(run.stdout, "towers")).toBe("image, text, joint");
		expect(cells(run.stdout, "image size")).toBe("48 (from the image tower's tensors, open_clip_config.json)");
		expect(cells(run.stdout, "activation")).toBe("GELU (from open_clip_config.json)");
		expect(cells(run.stdout, "image heads")).toBe("3 (from open_clip_config.json)");
		expect(cells(run.stdout, "not known")).toBeUndefined();
	});

	it("what a lone file does not", async () => {
		const { model } = await inspect(await aloneIn(await temporaryFolder(), layoutPath(...WEIGHTS)), {});
		expect(model?.missing).toEqual(expect.arrayContaining(["quickGelu", "vision.heads", "text.heads", "vision.eps"]));
		expect(model?.architecture).toBeUndefined();
		expect(model?.facts["vision.width"]).toEqual({ value: 60, from: ["the image tower's tensors"] });
	});

	it("the configuration that lies beside a file of the usual name", async () => {
		const { model } = await inspect(join(VIT, "open_clip_model.safetensors"), {});
		expect(model?.missing).toEqual([]);
		expect(model?.facts.quickGelu?.from).toEqual([join(VIT, "open_clip_config.json")]);
	});

	it("why no model is recognised, and which tensors a part of one lacks", async () => {
		const folder = await temporaryFolder();
		const mixed = await changedCopy(VIT, join(folder, "mixed"), {
			tensors: (tensors) => {
				const [tensor] = tensors.values();
				for (const name of ["blocks.0.norm1.bias", "blocks.0.norm1.weight"]) if (tensor) tensors.set(name, tensor);
			},
		});
		const { notices } = await inspect(mixed);
		expect(notices).toEqual(
			["bias", "weight"].map((x) =>
				expect.stringContaining(`no model is recognised: Cannot place "blocks.0.norm1.${x}"`),
			),
		);
		const part = await changedCopy(VIT, join(folder, "part"), {
			tensors: (tensors) => tensors.delete("visual.transformer.resblocks.0.mlp.c_fc.bias"),
		});
		expect((await inspect(part)).notices).toEqual([
			expect.stringMatching(/^not the whole model.*"visual\.transformer\.resblocks\.0\.mlp\.c_fc\.bias"/),
		]);
	});

	it.each([
		{ folder: "vit-f16/timm", layout: "timm", towers: ["image"] },
		{ folder: "vit-f16/hf", layout: "hf-clip", towers: ["image", "text", "joint"] },
		{ folder: "convnext-mlp/timm", layout: "timm", towers: ["image"] },
		{ folder: "convnext-mlp/hf/text", layout: "hf-clip", towers: ["text"] },
		{ folder: "convnext-mlp/hf-dual", layout: "hf-dual", towers: ["image", "text", "joint"] },
	])("layout and towers of $folder", async ({ folder, layout, towers }) => {
		const { model } = await inspect(layoutPath(...folder.split("/")), {});
		expect({ layouts: model?.layouts.map((one) => one.layout), towers: model?.towers }).toEqual({
			layouts: [layout],
			towers,
		});
	});

	it("both folders of a pair, and the temperature that one carries", async () => {
		const folder = await temporaryFolder();
		await convert(digitsPath("augreg"), { to: ["hf"], output: join(folder, "hf"), fsync: false });
		const run = await runCli(["inspect", join(folder, "hf")]);
		expectDone(run);
		expect(run.stdout).toMatch(/^layout +vision: timm, by /m);
		expect(run.stdout).toMatch(/^layout +text: hf-clip, by /m);
		expect(cells(run.stdout, "towers")).toBe("image, text, joint");
		expect(cells(run.stdout, "image size")).toBe("256 (from vision/config.json)");
		expect(run.stdout).not.toContain(folder.concat("/hf/"));
	});

	it("that a file is no model, without a fault, unless a profile is asked for", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) => {
				tensors.clear();
				tensors.set("unet.conv_in.weight", { dtype: "F16", shape: [3] });
			},
		});
		const { model, notices } = await inspect(input, {});
		expect(model).toBeUndefined();
		expect(notices.join()).toMatch(/no model is recognised/);
		expectFailure(await runCli(["inspect", input, "--profile"]), {
			code: "ERR_LAYOUT_MISMATCH",
			says: ["expected a CLIP"],
			fix: /./,
		});
	});

	it("a contradiction between configuration and tensors", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			json: {
				"open_clip_config.json": (json) => ({ ...json, model_cfg: { ...Object(json.model_cfg), embed_dim: 50 } }),
			},
		});
		const { model, notices } = await inspect(input, {});
		expect(model).toBeUndefined();
		expect(notices.join()).toMatch(/embedDim: found 50 in .*expected 48 as in the image tower's tensors/);
	});
});

describe("inspect of a checkpoint that is not right", () => {
	it("tells ten reasons and how many more there are", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) => {
				for (const name of tensors.keys()) if (/resblocks\.1\./.test(name)) tensors.delete(name);
			},
		});
		const { model, notices } = await inspect(input, {});
		expect(model).toBeUndefined();
		expect(notices.filter((notice) => notice.includes("no such tensor"))).toHaveLength(10);
		expect(notices.at(-1)).toBe("no model is recognised: … and 16 more");
	});
});

describe("inspect --profile", () => {
	it.each(CARD)("of --arch $model is the model card's row", async ({ model, total, image, text }) => {
		const run = await runCli(["inspect", "--arch", model, "--profile"]);
		expectDone(run);
		const found = ["total", "image", "text"].map((row) => cells(run.stdout, row));
		expect(found).toEqual([total, image, text]);
	});

	it("is the same from a configuration folder, from a file with a name, and as JSON", async () => {
		const [folder, file, json] = await Promise.all([
			runCli(["inspect", VIT, "--profile", "--json"]),
			runCli([
				"inspect",
				await aloneIn(await temporaryFolder(), layoutPath(...WEIGHTS)),
				"--arch-config",
				join(VIT, "open_clip_config.json"),
				"--profile",
				"--json",
			]),
			runCli(["inspect", layoutPath("vit-f16", "hf"), "--profile", "--json"]),
		]);
		const profiles = [folder, file, json].map(({ stdout }) => JSON.parse(stdout).result.model.profile);
		expect(profiles[0]).toMatchObject({ image: expect.anything(), text: expect.anything() });
		expect(profiles[1]).toEqual(profiles[0]);
		expect(profiles[2]).toEqual(profiles[0]);
	});

	it("needs no checkpoint where a configuration tells the architecture, or one tower of it", async () => {
		const profileOf = async (...names: readonly string[]) => {
			const run = await runCli(["inspect", "--arch-config", layoutPath("vit-f16", ...names), "--profile", "--json"]);
			expectDone(run);
			return JSON.parse(run.stdout).result;
		};
		const { model } = await inspect(VIT, { profile: true });
		const whole = await profileOf("openclip", "open_clip_config.json");
		expect(whole).toMatchObject({ description: model?.description, profile: model?.profile });
		const image = await profileOf("timm", "config.json");
		expect(image.profile.image).toEqual(model?.profile?.image);
		expect(image.profile.text.parameters).toBe(0);
		const preprocessor = layoutPath("vit-f16", "hf", "preprocessor_config.json");
		expectFailure(await runCli(["inspect", "--arch-config", preprocessor]), {
			code: "ERR_USAGE",
			says: ["vision.family", "text.width"],
			fix: /--arch/,
		});
	});

	/** The checkpoint of a preset, of which there is the header only: the rest is a hole in the file. */
	async function bareCheckpoint(name: string): Promise<string> {
		const { architecture } = requirePreset(name);
		const { bytes, tensors } = serializeHeader(
			canonicalInventory(architecture).map((tensor) => ({ ...tensor, dtype: "F16" as const })),
			new Map(),
		);
		const path = join(await temporaryFolder(), "weights.safetensors");
		await writeFile(path, bytes);
		const [end = 0] = tensors.map(({ end }) => end).sort((a, b) => b - a);
		await truncate(path, bytes.length + end);
		return path;
	}

	it("of a checkpoint alone is that of the presets that its tensors fit, if it is the same", async () => {
		const run = await runCli(["inspect", await bareCheckpoint("ViT-L-14-336"), "--profile"]);
		expectDone(run);
		expect(run.stdout).toMatch(
			/^image +191\.1 +270\.24 +304\.29\ntext +6\.66 +7\.95 +123\.65\ntotal +197\.76 +278\.19 +427\.94$/m,
		);
		expect(run.stderr).toMatch(/the profile is that of ViT-L-14-336.*: tensors alone do not tell .*vision\.heads/);
		expect(run.stderr).not.toMatch(/preprocess/);
		// Its tensors are those of both sizes of image.
		expectFailure(await runCli(["inspect", await bareCheckpoint("convnext_xxlarge"), "--profile"]), {
			code: "ERR_USAGE",
			says: ["vision.imageSize"],
			fix: /convnext_xxlarge, convnext_xxlarge_320/,
		});
	});

	it.each(["--data", "--tensors"])("refuses %s where there is no checkpoint", async (flag) => {
		expectFailure(await runCli(["inspect", "--arch", "RN50", flag]), {
			code: "ERR_USAGE",
			says: [flag, "found no checkpoint"],
			fix: /name the checkpoint/,
		});
	});

	it("needs what tensors do not tell, and says so", async () => {
		const run = await runCli(["inspect", await aloneIn(await temporaryFolder(), layoutPath(...WEIGHTS)), "--profile"]);
		expectFailure(run, { code: "ERR_USAGE", says: ["vision.heads"], fix: /--arch/ });
	});
});

describe("inspect --list-archs", () => {
	it("lists every preset with its size", async () => {
		const run = await runCli(["inspect", "--list-archs"]);
		expectDone(run);
		for (const name of PRESETS.keys()) expect(run.stdout).toMatch(new RegExp(`^${name} +\\S`, "m"));
		const json = await runCli(["inspect", "--list-archs", "--json"]);
		const { presets } = JSON.parse(json.stdout).result;
		expect(presets.map(({ name }: { name: string }) => name)).toEqual([...PRESETS.keys()]);
	});

	it("is what an unknown name is sent to", async () => {
		const run = await runCli(["inspect", "--arch", "nothing", "--profile"]);
		expectFailure(run, { code: "ERR_USAGE", says: ['"nothing"'], fix: /--list-archs/ });
	});
});

describe("tensors that were exchanged", () => {
	it("of one shape are not to be told from others, and are converted as they stand", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) => swap(tensors, "visual.ln_pre.weight", "visual.ln_post.weight"),
		});
		const { architecture } = await convert(input, { to: ["hf"], output: join(folder, "out"), dryRun: true });
		expect(architecture?.embedDim).toBe(48);
	});

	it("of two shapes are refused by name", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) =>
				swap(tensors, "transformer.resblocks.0.mlp.c_fc.weight", "transformer.resblocks.0.mlp.c_proj.weight"),
		});
		const run = await runCli(["convert", input, "--to", "hf", "-o", join(folder, "out")]);
		expectFailure(run, {
			code: "ERR_ARCHITECTURE_MISMATCH",
			says: ["text.mlpWidth"],
			fix: /config/,
		});
	});

	it("that leave a matrix untransposed are refused where it is not square", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) => {
				const proj = tensors.get("visual.proj");
				if (proj) tensors.set("visual.proj", { ...proj, shape: proj.shape.toReversed() });
			},
		});
		const run = await runCli(["convert", input, "--to", "hf", "-o", join(folder, "out")]);
		expect(run.exitCode).toBe(3);
		expect(run.stderr).toMatch(/visual\.proj|embedDim|vision\.width/);
	});
});
