import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { average, convert, inspect } from "../../src/index.ts";
import { expectDone } from "../cli/expectations.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import {
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
		const lone = layoutPath("vit-f16", "openclip", "open_clip_model.safetensors");
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
		const [fault] = await faultsOf(join(VIT_TIMM, "model.safetensors"), { to: ["timm"], output: join(folder, "out") });
		expect(fault?.code).toBe("ERR_USAGE");
		expect(fault?.message).toContain("nothing that tells quickGelu, vision.heads, vision.eps, expected");
	});

	it("is held against OpenCLIP's rules: heads divide the width", async () => {
		const folder = await temporaryFolder();
		const source = await changedCopy(VIT_TIMM, join(folder, "in"), {
			json: { "config.json": (json) => ({ ...json, model_args: { ...Object(json.model_args), num_heads: 7 } }) },
		});
		const [fault] = await faultsOf(source, { to: ["timm"], output: join(folder, "out") });
		expect(fault).toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining("head_width") });
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

describe("a text tower alone", () => {
	it("is described by inspect, which misses nothing of it", async () => {
		const { model } = await inspect(layoutPath("convnext-mlp", "hf", "text"), { profile: true });
		expect(model).toMatchObject({ missing: [], description: "text 2×48 0.1 M, embed 48" });
		expect(model?.profile?.total).toEqual(model?.profile?.text);
	});
});
