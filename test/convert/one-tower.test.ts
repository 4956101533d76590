import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { average, convert, inspect } from "../../src/index.ts";
import { expectDone } from "../cli/expectations.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import {
	aloneIn,
	type Changes,
	changedCopy,
	digestsOf,
	faultsOf,
	jsonAt,
	layoutPath,
	libraryDigests,
	type Tensors,
} from "./fixtures.ts";

const VIT_TIMM = layoutPath("vit-f16", "timm");
const CONVNEXT_TIMM = layoutPath("convnext-mlp", "timm");

const TIMM = [
	{ name: "ViT", source: VIT_TIMM },
	{ name: "ConvNeXt", source: CONVNEXT_TIMM },
];

/** Leaves the image tower alone, without the temperature. */
const IMAGE_ONLY: Changes = {
	tensors: (tensors: Tensors) => {
		for (const name of tensors.keys()) if (!name.startsWith("visual.")) tensors.delete(name);
	},
};

/** A timm folder of another activation, which no tensor shows. */
const QUICK_GELU: Changes = {
	json: { "config.json": (json) => ({ ...json, model_args: { ...Object(json.model_args), act_layer: "quick_gelu" } }) },
};

describe("an image tower alone", () => {
	it.each(TIMM)("goes from timm to timm: $name", async ({ source }) => {
		const folder = await temporaryFolder();
		const output = join(folder, "out");
		const { description } = await convert(source, { to: ["timm"], output, fsync: false });
		expect(await digestsOf(output)).toEqual(await digestsOf(source));
		const [before, after] = [await inspect(source), await inspect(output)];
		expect(after.model).toMatchObject({ architecture: before.model?.architecture, description, missing: [] });
	});

	it.each(TIMM)("is averaged from timm folders into timm: $name", async ({ source }) => {
		const folder = await temporaryFolder();
		const output = join(folder, "out");
		await average([source, source], { to: "timm", output, fsync: false });
		expect(await digestsOf(output)).toEqual(await digestsOf(source));
	});

	it("goes from OpenCLIP to timm", async () => {
		const folder = await temporaryFolder();
		const source = await changedCopy(layoutPath("vit-f16", "openclip"), join(folder, "in"), IMAGE_ONLY);
		const output = join(folder, "out");
		await convert(source, { to: ["timm"], output, fsync: false });
		expect(await digestsOf(output)).toEqual(await libraryDigests("vit-f16", "timm"));
	});

	it("needs the facts of one input only, preprocessing too", async () => {
		const folder = await temporaryFolder();
		const lone = await aloneIn(folder, layoutPath("vit-f16", "openclip", "open_clip_model.safetensors"));
		const output = join(folder, "out");
		await average([lone, VIT_TIMM], { to: "timm", output, fsync: false });
		expect(await digestsOf(output)).toEqual(await digestsOf(VIT_TIMM));
		const [config, expected] = [await jsonAt(output, "config.json"), await jsonAt(VIT_TIMM, "config.json")];
		expect(config.pretrained_cfg.mean).toEqual(expected.pretrained_cfg.mean);
	});

	it("is averaged with a whole model, whose text tower may have any activation", async () => {
		const folder = await temporaryFolder();
		const whole = await changedCopy(layoutPath("convnext-mlp", "openclip"), join(folder, "whole"), {
			json: {
				"open_clip_config.json": (json) => ({ ...json, model_cfg: { ...Object(json.model_cfg), quick_gelu: true } }),
			},
		});
		const output = join(folder, "out");
		await average([whole, CONVNEXT_TIMM], { to: "timm", output, fsync: false });
		expect(await digestsOf(output)).toEqual(await digestsOf(CONVNEXT_TIMM));
	});

	it("is refused where its own activations differ", async () => {
		const folder = await temporaryFolder();
		const other = await changedCopy(VIT_TIMM, join(folder, "quick"), QUICK_GELU);
		const refused = average([VIT_TIMM, other], { to: "timm", output: join(folder, "out"), fsync: false });
		await expect(refused).rejects.toMatchObject({
			code: "ERR_ARCHITECTURE_MISMATCH",
			message: expect.stringContaining("quickGelu true, expected false"),
		});
	});

	it("is refused without a configuration, naming its own facts and the presets that fit", async () => {
		const folder = await temporaryFolder();
		const [fault] = await faultsOf(await aloneIn(folder, layoutPath("vit-f16", "timm", "model.safetensors")), {
			to: ["timm"],
			output: join(folder, "out"),
		});
		expect(fault?.code).toBe("ERR_USAGE");
		expect(fault?.message).toContain("nothing that tells quickGelu, vision.heads, vision.eps, expected");
	});

	it("is held against OpenCLIP's rules: heads divide the width", async () => {
		const folder = await temporaryFolder();
		const source = await changedCopy(VIT_TIMM, join(folder, "in"), {
			json: { "config.json": (json) => ({ ...json, model_args: { ...Object(json.model_args), num_heads: 7 } }) },
		});
		const [fault] = await faultsOf(source, { to: ["timm"], output: join(folder, "out") });
		expect(fault).toMatchObject({
			code: "ERR_CONFIG_INVALID",
			message: expect.stringContaining('"num_heads" of model_args'),
		});
	});

	it("still needs a text tower on the way to OpenCLIP", async () => {
		const folder = await temporaryFolder();
		const faults = await faultsOf(VIT_TIMM, { to: ["openclip"], output: join(folder, "out") });
		expect(faults.map(({ code, details }) => [code, details.tower])).toEqual([
			["ERR_TENSOR_MISSING", "text"],
			["ERR_TENSOR_MISSING", "joint"],
		]);
	});

	it("is described and counted by inspect, which misses nothing of it", async () => {
		const { model } = await inspect(VIT_TIMM, { profile: true });
		expect(model).toMatchObject({ missing: [], description: "ViT 2×60/12 0.1 M @ 48, embed 48" });
		expect(model?.architecture?.text).toBeUndefined();
		expect(model?.profile?.total).toEqual(model?.profile?.image);
		const run = await runCli(["inspect", VIT_TIMM, "--profile"]);
		expectDone(run);
		expect(run.stdout).toMatch(/^total /m);
		expect(run.stdout).not.toMatch(/^text |not known/m);
	});
});

/** Leaves the text tower alone, without the temperature. */
const TEXT_ONLY: Changes = {
	tensors: (tensors) => {
		for (const name of tensors.keys()) if (name.startsWith("visual.") || name === "logit_scale") tensors.delete(name);
	},
};

/** The names of a bare `CLIPTextModel` of transformers 5. */
const BARE: Changes = {
	tensors: (tensors) => {
		const renamed = [...tensors].map(([name, tensor]) => [name.replace("text_model.", ""), tensor] as const);
		tensors.clear();
		for (const [name, tensor] of renamed) tensors.set(name, tensor);
	},
};

describe("a text tower alone", () => {
	const HF_TEXT = layoutPath("convnext-mlp", "hf", "text");

	it.each([
		{ from: "OpenCLIP", source: layoutPath("convnext-mlp", "openclip"), changes: TEXT_ONLY },
		{ from: "transformers", source: HF_TEXT, changes: {} },
		{ from: "transformers 5", source: HF_TEXT, changes: BARE },
	])("goes from $from to CLIPTextModelWithProjection", async ({ source, changes }) => {
		const folder = await temporaryFolder();
		const input = await changedCopy(source, join(folder, "in"), changes);
		const output = join(folder, "out");
		const { targets } = await convert(input, { to: ["hf"], output, fsync: false });
		expect(targets).toEqual(["hf-text"]);
		expect(await digestsOf(output)).toEqual(await libraryDigests("convnext-mlp", "hf/text"));
		expect(await readdir(output)).not.toContain("preprocessor_config.json");
		const [config, expected] = [await jsonAt(output, "config.json"), await jsonAt(HF_TEXT, "config.json")];
		const { architectures, model_type, num_attention_heads, layer_norm_eps, projection_dim } = expected;
		expect(config).toMatchObject({ architectures, model_type, num_attention_heads, layer_norm_eps, projection_dim });
	});

	it("is averaged across layouts, in the first one's", async () => {
		const folder = await temporaryFolder();
		const openClip = await changedCopy(layoutPath("convnext-mlp", "openclip"), join(folder, "in"), TEXT_ONLY);
		await average([HF_TEXT, openClip], { output: join(folder, "out"), fsync: false });
		expect(await digestsOf(join(folder, "out"))).toEqual(await libraryDigests("convnext-mlp", "hf/text"));
	});

	it.each(["timm", "openclip"] as const)("is no %s model: the image tower is missing", async (to) => {
		const folder = await temporaryFolder();
		const faults = await faultsOf(HF_TEXT, { to: [to], output: join(folder, "out") });
		expect(faults[0]).toMatchObject({ code: "ERR_TENSOR_MISSING", details: { tower: "image" } });
	});

	it("is no dual encoder", async () => {
		const folder = await temporaryFolder();
		const [fault] = await faultsOf(HF_TEXT, { to: ["hf"], hfDual: true, output: join(folder, "out") });
		expect(fault).toMatchObject({ code: "ERR_USAGE", message: expect.stringContaining("--hf-dual") });
	});

	it("is described by inspect, which misses nothing of it", async () => {
		const { model } = await inspect(HF_TEXT, { profile: true });
		expect(model).toMatchObject({ missing: [], description: "text 2×48 0.1 M, embed 48" });
		expect(model?.profile?.total).toEqual(model?.profile?.text);
	});
});
