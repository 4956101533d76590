import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PRESETS } from "../../src/architectures/index.ts";
import { average, convert, inspect } from "../../src/index.ts";
import { canonicalInventory } from "../../src/layouts/canonical.ts";
import { combineFacts } from "../../src/layouts/combine-facts.ts";
import { assumedBy } from "../../src/layouts/facts.ts";
import { clipConfig, clipTextConfig, dualConfig } from "../../src/layouts/hf-config.ts";
import { readHfConfig } from "../../src/layouts/hf-facts.ts";
import { USUAL_FORMS } from "../../src/layouts/known-facts.ts";
import { OPENCLIP_PREPROCESS } from "../../src/layouts/preprocess.ts";
import { readTimmConfig, timmConfig } from "../../src/layouts/timm-config.ts";
import { expectDone, expectFailure } from "../cli/expectations.ts";
import { readJson } from "../layouts/systems.ts";
import { runCli } from "../support/run-cli.ts";
import { writeSparse } from "../support/sparse.ts";
import { temporaryFolder } from "../support/tmp.ts";
import {
	aloneIn,
	type Changes,
	changedCopy,
	digestsOf,
	digitsPath,
	faultsOf,
	jsonAt,
	layoutPath,
	libraryDigests,
	required,
} from "./fixtures.ts";

const VIT = layoutPath("vit-f16", "openclip");

const OPENCLIP_WEIGHTS = ["vit-f16", "openclip", "open_clip_model.safetensors"] as const;

/** What the tensors of a ConvNeXt tell. */
const headWithoutBias = assumedBy("tensors", { vision: { headBias: false } });

/** A file of zeros with the tensors of a preset, which takes no room. */
async function presetFile(folder: string, name: string, isHeld = (_: string) => true): Promise<string> {
	const architecture = PRESETS.get(name)?.architecture;
	if (architecture === undefined) throw new Error(`No preset "${name}"`);
	const held = canonicalInventory(architecture).filter((tensor) => isHeld(tensor.name));
	const tensors = held.map(({ name: tensor, shape }) => ({
		name: tensor,
		shape,
		dtype: "F32" as const,
	}));
	return writeSparse(join(folder, `${name}.safetensors`), tensors);
}

describe("a lone weight file", () => {
	it("is refused with what is missing and the ways to tell it", async () => {
		const folder = await temporaryFolder();
		const run = [
			"convert",
			await aloneIn(folder, layoutPath(...OPENCLIP_WEIGHTS)),
			"--to",
			"hf",
			"-o",
			join(folder, "out"),
		];
		expectFailure(await runCli(run), {
			code: "ERR_USAGE",
			says: ["quickGelu, vision.heads, vision.eps, text.heads, text.eps"],
			fix: /--arch-config.*--arch/,
		});
		expectDone(await runCli([...run, "--arch-config", join(VIT, "open_clip_config.json")]));
		expect(await digestsOf(join(folder, "out"))).toEqual(await libraryDigests("vit-f16", "hf"));
	});

	it.each([
		["ViT-B-32", ["ViT-B-32", "ViT-B-32-quickgelu"]],
		["convnext_base_w", ["convnext_base_w"]],
		["convnext_xxlarge", ["convnext_xxlarge", "convnext_xxlarge_320"]],
		["RN50x64", ["RN50x64", "RN50x64-quickgelu"]],
	])("of the size of %s is refused with the presets that fit", async (name, presets) => {
		const folder = await temporaryFolder();
		const [fault, ...others] = await faultsOf(await presetFile(folder, name), {
			to: ["hf"],
			output: join(folder, "out"),
		});
		expect(others).toEqual([]);
		expect(fault).toMatchObject({ code: "ERR_USAGE", exitCode: 2 });
		expect(Object(fault?.details).presets).toEqual(expect.arrayContaining(presets));
		for (const preset of presets) expect(fault?.fix).toContain(preset);
	});

	it("of an image tower is refused with what is missing of that, and the presets that fit", async () => {
		const folder = await temporaryFolder();
		const file = await presetFile(folder, "ViT-B-32", (name) => name.startsWith("visual."));
		const [fault, ...others] = await faultsOf(file, { to: ["timm"], output: join(folder, "out") });
		expect(others).toEqual([]);
		expect(fault).toMatchObject({
			code: "ERR_USAGE",
			details: {
				missing: ["quickGelu", "vision.heads", "vision.eps"],
				presets: expect.arrayContaining(["ViT-B-32", "ViT-B-32-quickgelu"]),
			},
		});
		const output = join(folder, "out");
		const { targets } = await convert(file, { to: ["timm"], arch: "ViT-B-32", output, dryRun: true });
		expect(targets).toEqual(["timm"]);
	});

	it("is converted by the name of its architecture, which decides what tensors do not tell", async () => {
		const folder = await temporaryFolder();
		const file = await presetFile(folder, "ViT-B-32");
		for (const [name, activation] of [
			["ViT-B-32", "gelu"],
			["ViT-B-32-quickgelu", "quick_gelu"],
		] as const) {
			const output = join(folder, name);
			const { targets } = await convert(file, { to: ["hf", "timm"], arch: name, output, dryRun: true });
			expect(targets).toEqual(["hf-clip", "timm"]);
			const { architecture } = await convert(file, { to: ["hf"], arch: name, output, dryRun: true });
			expect(architecture?.quickGelu).toBe(activation === "quick_gelu");
		}
	});

	it("is told by --arch-config with or without model_cfg around it", async () => {
		const folder = await temporaryFolder();
		const file = await aloneIn(folder, layoutPath(...OPENCLIP_WEIGHTS));
		const bare = await changedCopy(VIT, join(folder, "bare"), {
			json: { "open_clip_config.json": ({ model_cfg }) => model_cfg },
		});
		const archConfig = join(bare, "open_clip_config.json");
		await convert(file, { to: ["hf"], archConfig, output: join(folder, "out"), fsync: false });
		expect(await jsonAt(folder, "out", "config.json")).toMatchObject({ vision_config: { num_attention_heads: 3 } });
	});
});

describe("--arch-config takes", () => {
	const file = (...names: readonly string[]) => layoutPath("vit-f16", ...names);

	it.each([
		{ what: "an open_clip_config.json", config: file("openclip", "open_clip_config.json") },
		{ what: "the config.json of a CLIPModel", config: file("hf", "config.json") },
	])("$what", async ({ config }) => {
		const folder = await temporaryFolder();
		const output = join(folder, "out");
		const weights = await aloneIn(folder, layoutPath(...OPENCLIP_WEIGHTS));
		await convert(weights, { to: ["hf"], archConfig: config, output, weightsOnly: true, fsync: false });
		expect(await digestsOf(output)).toEqual(await libraryDigests("vit-f16", "hf"));
	});

	it("the config.json of a timm model, for an image tower", async () => {
		const folder = await temporaryFolder();
		const output = join(folder, "out");
		const weights = await aloneIn(folder, layoutPath(...OPENCLIP_WEIGHTS));
		await convert(weights, { to: ["timm"], archConfig: file("timm", "config.json"), output, fsync: false });
		expect(await digestsOf(output)).toEqual(await libraryDigests("vit-f16", "timm"));
		const { pretrained_cfg } = await jsonAt(output, "config.json");
		const { pretrained_cfg: expected } = await jsonAt(file("timm"), "config.json");
		expect(pretrained_cfg.mean).toEqual(expected.mean);
	});

	it("the config.json of a CLIPTextModelWithProjection, for a text tower", async () => {
		const folder = await temporaryFolder();
		const [output, text] = [join(folder, "out"), layoutPath("convnext-mlp", "hf", "text")];
		const weights = await aloneIn(folder, layoutPath("convnext-mlp", "hf", "text", "model.safetensors"));
		await convert(weights, { to: ["hf"], archConfig: join(text, "config.json"), output, fsync: false });
		expect(await digestsOf(output)).toEqual(await libraryDigests("convnext-mlp", "hf/text"));
	});

	it("the config.json of a dual encoder", async () => {
		const dual = layoutPath("convnext-mlp", "hf-dual");
		const weights = await aloneIn(await temporaryFolder(), layoutPath("convnext-mlp", "hf-dual", "model.safetensors"));
		const { model } = await inspect(weights, { archConfig: join(dual, "config.json") });
		expect(model?.facts["vision.depths"]?.from).toContain(`vision_config of ${join(dual, "config.json")}`);
	});

	it("a preprocessor_config.json, for how pictures are prepared", async () => {
		const config = file("hf", "preprocessor_config.json");
		const weights = await aloneIn(await temporaryFolder(), layoutPath("vit-f16", "hf", "model.safetensors"));
		const { model } = await inspect(weights, { archConfig: config });
		expect(model?.facts["preprocess.mean"]?.from).toEqual([config]);
	});

	it("several files that together tell all, on the command line too", async () => {
		const folder = await temporaryFolder();
		const weights = await aloneIn(folder, layoutPath("vit-f16", "hf", "model.safetensors"));
		const configs = ["config.json", "preprocessor_config.json"].flatMap((name) => ["--arch-config", file("hf", name)]);
		const run = ["convert", weights, "--to", "openclip", "-o", join(folder, "out")];
		expectFailure(await runCli([...run, ...configs.slice(0, 2)]), {
			code: "ERR_USAGE",
			says: ["preprocess.mean"],
			fix: /--arch-config/,
		});
		expectDone(await runCli([...run, ...configs]));
		expect(await digestsOf(join(folder, "out"))).toEqual(await libraryDigests("vit-f16", "openclip"));
	});

	it.each([
		{ what: "a list", json: [] },
		{ what: "null", json: null },
		{ what: "a recipe", json: { version: "0.1.0", method: "linear", keep: {} } },
		{ what: "a tokenizer's configuration", json: { tokenizer_class: "CLIPTokenizer", model_max_length: 77 } },
	])("not $what, with one error that names what it may be", async ({ json }) => {
		const folder = await temporaryFolder();
		const archConfig = join(folder, "strange.json");
		await writeFile(archConfig, JSON.stringify(json));
		const weights = await aloneIn(folder, layoutPath(...OPENCLIP_WEIGHTS));
		const faults = await faultsOf(weights, { to: ["hf"], archConfig, output: join(folder, "out") });
		expect(faults.map(({ code }) => code)).toEqual(["ERR_CONFIG_INVALID"]);
		expect(faults[0]?.message).toContain(`"${archConfig}"`);
		expect(faults[0]?.message).toContain("expected one of model_cfg, embed_dim");
		expect(faults[0]?.fix).toContain("config.json of a CLIP of timm's or transformers'");
	});

	it("not the configuration of another transformers model, with one error", async () => {
		const folder = await temporaryFolder();
		const archConfig = join(folder, "config.json");
		await writeFile(archConfig, JSON.stringify({ model_type: "bert", hidden_size: 768 }));
		const weights = await aloneIn(folder, layoutPath(...OPENCLIP_WEIGHTS));
		const faults = await faultsOf(weights, { to: ["hf"], archConfig, output: join(folder, "out") });
		expect(faults.map(({ code }) => code)).toEqual(["ERR_CONFIG_INVALID"]);
		expect(faults[0]?.message).toContain('"model_type"');
	});

	it("no contradiction of the folder's own", async () => {
		const folder = await temporaryFolder();
		const archConfig = layoutPath("vit-quickgelu", "hf", "config.json");
		const faults = await faultsOf(VIT, { to: ["hf"], archConfig, output: join(folder, "out") });
		expect(faults.map(({ details }) => details.fact)).toContain("quickGelu");
	});
});

describe("a folder given with --text", () => {
	it("tells nothing of images, whatever its own image tower is", async () => {
		const folder = await temporaryFolder();
		const text = layoutPath("convnext-mlp", "openclip");
		const output = join(folder, "out");
		await convert(layoutPath("vit-f16", "timm"), { to: ["openclip"], text, output, fsync: false });
		const [found, vit] = [await digestsOf(output), await libraryDigests("vit-f16", "openclip")];
		const [whole, convNext] = [await inspect(output), await libraryDigests("convnext-mlp", "openclip")];
		expect(found["visual.proj"]).toEqual(vit["visual.proj"]);
		expect(found.text_projection).toEqual(convNext.text_projection);
		expect(whole.model?.missing).toEqual([]);
	});
});

describe("a training checkpoint that was flattened", () => {
	const wrapped: Changes = {
		tensors: (tensors) => {
			const renamed = [...tensors].map(([name, tensor]) => [`state_dict.${name}`, tensor] as const);
			tensors.clear();
			for (const [name, tensor] of renamed) tensors.set(name, tensor);
			tensors.set("epoch", { dtype: "I64", shape: [] });
		},
	};

	it("is refused for what is not of the model, and read without it", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), wrapped);
		const output = join(folder, "out");
		const faults = await faultsOf(input, { to: ["hf"], output });
		expect(faults.map(({ code, details, fix }) => [code, details.name, fix])).toEqual([
			["ERR_TENSOR_EXTRA", "epoch", "leave it out: clip-soup convert with --drop epoch"],
		]);
		const { notices } = await convert(input, { to: ["hf"], drop: ["epoch"], output, fsync: false });
		expect(await digestsOf(output)).toEqual(await libraryDigests("vit-f16", "hf"));
		expect(notices.join("\n")).toMatch(/prefix "state_dict\." of names is taken off\n.*epoch is left out by --drop/);
	});

	it("is refused where some of the model's own names have no prefix", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) => {
				const scale = required(tensors, "logit_scale");
				wrapped.tensors?.(tensors);
				tensors.delete("state_dict.logit_scale");
				tensors.delete("epoch");
				tensors.set("logit_scale", scale);
			},
		});
		const [fault] = await faultsOf(input, { to: ["hf"], output: join(folder, "out") });
		expect(fault).toMatchObject({ code: "ERR_TENSOR_EXTRA", details: { name: "logit_scale", wrapper: "state_dict." } });
	});
});

describe("avg", () => {
	it("says where an input of another layout prepares pictures differently", async () => {
		const folder = await temporaryFolder();
		const other = await changedCopy(layoutPath("vit-f16", "timm"), join(folder, "other"), {
			json: {
				"config.json": (json) => ({
					...json,
					pretrained_cfg: { ...Object(json.pretrained_cfg), mean: [0.5, 0.5, 0.5] },
				}),
			},
		});
		const output = join(folder, "out");
		const { notices } = await average([VIT, other], { to: "timm", output, fsync: false });
		const said = `input 2 "${other}" tells another preprocess.mean than the configuration that is written`;
		expect(notices).toContain(said);
		const same = await average([VIT, VIT], { to: "timm", output: join(folder, "same"), fsync: false });
		expect(same.notices.filter((notice) => notice.includes("preprocess"))).toEqual([]);
	});

	it("looks at --arch where it needs none, and says so", async () => {
		const folder = await temporaryFolder();
		const options = { output: join(folder, "out"), dryRun: true } as const;
		const { notices } = await average([VIT, VIT], { ...options, arch: "ViT-B-32" });
		expect(notices.join()).toContain("--arch and --arch-config change nothing here");
		await expect(average([VIT, VIT], { ...options, arch: "ViT-B-33" })).rejects.toMatchObject({ code: "ERR_USAGE" });
		const archConfig = join(folder, "nowhere.json");
		await expect(average([VIT, VIT], { ...options, archConfig })).rejects.toMatchObject({
			code: "ERR_INPUT_NOT_FOUND",
		});
	});
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e39])("a temperature of %s is refused", async (logitScale) => {
	const folder = await temporaryFolder();
	const text = layoutPath("convnext-mlp", "hf", "text");
	const options = { to: ["openclip"], text, logitScale, output: join(folder, "out") } as const;
	const faults = await faultsOf(layoutPath("vit-f16", "timm"), options);
	expect(faults.map(({ code }) => code)).toEqual(["ERR_USAGE"]);
});

describe("an input of an average that cannot be read", () => {
	it("is named by number and path, each of them", async () => {
		const folder = await temporaryFolder();
		const strange = await changedCopy(layoutPath("vit-f16", "hf"), join(folder, "strange"), {
			tensors: (tensors) => tensors.set("text_model.register", required(tensors, "logit_scale")),
		});
		const headless = await changedCopy(VIT, join(folder, "headless"), {
			tensors: (tensors) => {
				for (const name of tensors.keys()) if (/^visual\.(class|conv1|proj)/.test(name)) tensors.delete(name);
			},
		});
		const refused = average([VIT, strange, headless], { output: join(folder, "out"), to: "timm", fsync: false });
		const { faults } = await refused.catch((error: unknown) => Object(error));
		const missing = ["visual.class_embedding", "visual.proj", "visual.conv1.weight"].map((name) => ({
			code: "ERR_TENSOR_MISSING",
			message: expect.stringMatching(`"${name}".*, in input 3 "${headless}"`),
			details: { input: 3 },
		}));
		expect(faults).toMatchObject([
			{
				code: "ERR_TENSOR_EXTRA",
				message: expect.stringContaining(`, in input 2 "${strange}"`),
				details: { input: 2 },
			},
			...missing,
		]);
	});

	it("is not blamed for a preset that is none", async () => {
		const folder = await temporaryFolder();
		const refused = average([VIT, VIT], { output: join(folder, "out"), to: "timm", arch: "ViT-B-33", fsync: false });
		await expect(refused).rejects.toMatchObject({ message: 'Cannot use --arch "ViT-B-33": found no such preset' });
	});
});

describe("configurations", () => {
	it("of the target are complete: heads, activation, epsilons and sizes come from the source's", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			json: {
				"open_clip_config.json": (json) => {
					const { vision_cfg, ...rest } = Object(json.model_cfg);
					const preprocess = {
						mean: [0.1, 0.2, 0.3],
						std: [0.5, 0.6, 0.7],
						interpolation: "bilinear",
						resize_mode: "squash",
					};
					return {
						model_cfg: { ...rest, quick_gelu: true, vision_cfg: { ...vision_cfg, head_width: 15 } },
						preprocess_cfg: preprocess,
					};
				},
			},
		});
		await convert(input, { to: ["openclip", "timm", "hf"], output: join(folder, "out"), fsync: false });
		const { text_config: text, vision_config: vision } = await jsonAt(folder, "out", "hf", "config.json");
		expect(vision).toMatchObject({ num_attention_heads: 4, hidden_act: "quick_gelu", layer_norm_eps: 1e-5 });
		expect(text).toMatchObject({ num_attention_heads: 4, hidden_act: "quick_gelu", eos_token_id: 599 });
		expect(await jsonAt(folder, "out", "hf", "preprocessor_config.json")).toMatchObject({
			image_mean: [0.1, 0.2, 0.3],
			image_std: [0.5, 0.6, 0.7],
			resample: 2,
			size: { height: 48, width: 48 },
			do_center_crop: false,
		});
		expect(await jsonAt(folder, "out", "timm", "config.json")).toMatchObject({
			architecture: "vit_base_patch32_clip_224",
			model_args: { act_layer: "quick_gelu", num_heads: 4, img_size: 48, patch_size: 12 },
			pretrained_cfg: { crop_mode: "squash", crop_pct: 1, interpolation: "bilinear", mean: [0.1, 0.2, 0.3] },
		});
		for (const source of ["openclip", "hf"]) {
			await convert(join(folder, "out", source), {
				to: ["openclip"],
				output: join(folder, `via-${source}`),
				fsync: false,
			});
			const found = await jsonAt(folder, `via-${source}`, "open_clip_config.json");
			expect(found, source).toMatchObject({
				model_cfg: { quick_gelu: true, vision_cfg: { head_width: 15 } },
				preprocess_cfg: { mean: [0.1, 0.2, 0.3], interpolation: "bilinear", resize_mode: "squash" },
			});
		}
	});

	it("survive a way through timm and transformers and back", async () => {
		const folder = await temporaryFolder();
		const sources = [VIT, layoutPath("convnext-mlp", "openclip"), digitsPath("augreg")];
		for (const [number, source] of sources.entries()) {
			const [hf, output] = [join(folder, `hf${number}`), join(folder, `back${number}`)];
			const { architecture: here } = await convert(source, { to: ["hf"], output: hf, fsync: false });
			const { architecture: there } = await convert(hf, { to: ["openclip"], output, fsync: false });
			expect(there).toEqual(here);
		}
	});

	it("of timm are equal to the reference's on what decides the function", async () => {
		const folder = await temporaryFolder();
		await convert(layoutPath("convnext-mlp", "openclip"), { to: ["timm"], output: folder, fsync: false });
		const { pretrained_cfg: expected, ...reference } = Object(readJson("convnext-mlp", "timm/config.json"));
		const { pretrained_cfg: found, ...written } = await jsonAt(folder, "config.json");
		const { tag: _, license: __, ...fields } = expected;
		expect(found).toMatchObject(fields);
		expect(written).toMatchObject({
			architecture: reference.architecture,
			num_classes: 48,
			model_args: reference.model_args,
		});
	});

	it("keep what OpenCLIP's configuration says besides the architecture", async () => {
		const folder = await temporaryFolder();
		await convert(digitsPath("augreg"), { to: ["openclip"], output: folder, fsync: false });
		const source = await jsonAt(digitsPath("augreg"), "open_clip_config.json");
		expect(await jsonAt(folder, "open_clip_config.json")).toEqual(source);
	});

	it("are not needed for tensors alone, but the architecture is", async () => {
		const folder = await temporaryFolder();
		const { files } = await convert(VIT, { to: ["hf"], output: folder, weightsOnly: true, fsync: false });
		expect(files).toEqual(["model.safetensors", "soup.json"]);
	});
});

describe("every preset", () => {
	it.each([...PRESETS.values()])("$name: what is written for each target is read back", ({ architecture }) => {
		const preprocess = { size: architecture.vision.imageSize, ...OPENCLIP_PREPROCESS };
		const isVit = architecture.vision.family === "vit";
		const text = readHfConfig(clipTextConfig(architecture, "F32"));
		const image = readTimmConfig(timmConfig(architecture, preprocess)).sources;
		const whole = isVit
			? readHfConfig(clipConfig(architecture, "F32"))
			: architecture.vision.family === "convnext"
				? readHfConfig(dualConfig(architecture, "F32"))
				: [];
		const pair = combineFacts([...text, ...image, headWithoutBias, USUAL_FORMS]);
		expect(pair.architecture).toEqual(architecture);
		expect(combineFacts([...whole, ...text, ...image, headWithoutBias, USUAL_FORMS]).architecture).toEqual(
			architecture,
		);
	});
});

describe("planted faults that no tensor shows", () => {
	it.each([
		{ fault: "a lost quick_gelu", field: { quick_gelu: false }, says: "quickGelu" },
		{ fault: "wrong heads of the text tower", field: { text_cfg: { heads: 8 } }, says: "text.heads" },
	])("$fault in one of two configurations is refused", async ({ field, says }) => {
		const folder = await temporaryFolder();
		const quick = await changedCopy(VIT, join(folder, "in"), {
			json: {
				"open_clip_config.json": (json) => ({ ...json, model_cfg: { ...Object(json.model_cfg), quick_gelu: true } }),
			},
		});
		const lost = await changedCopy(quick, join(folder, "lost"), {
			json: {
				"open_clip_config.json": (json) => {
					const config = Object(json.model_cfg);
					const { text_cfg: text, ...root } = { text_cfg: {}, ...field };
					return { ...json, model_cfg: { ...config, ...root, text_cfg: { ...config.text_cfg, ...text } } };
				},
			},
		});
		const archConfig = join(lost, "open_clip_config.json");
		const faults = await faultsOf(quick, { to: ["hf"], archConfig, output: join(folder, "out") });
		expect(faults.map(({ code }) => code)).toEqual(["ERR_ARCHITECTURE_MISMATCH"]);
		expect(faults[0]?.message).toContain(says);
	});
});
