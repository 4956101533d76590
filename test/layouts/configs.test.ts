import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Architecture } from "../../src/architectures/architecture.ts";
import { PRESETS } from "../../src/architectures/index.ts";
import { combineFacts } from "../../src/layouts/combine-facts.ts";
import { type FactSource, statedBy } from "../../src/layouts/facts.ts";
import { clipConfig, clipTextConfig, dualConfig } from "../../src/layouts/hf-config.ts";
import { readHfConfig } from "../../src/layouts/hf-facts.ts";
import { preprocessorConfig, readPreprocessorConfig, readProcessorConfig } from "../../src/layouts/hf-preprocessor.ts";
import { USUAL_FORMS } from "../../src/layouts/known-facts.ts";
import { openClipConfig, readOpenClipConfig } from "../../src/layouts/openclip-config.ts";
import { OPENCLIP_PREPROCESS, type Preprocess } from "../../src/layouts/preprocess.ts";
import { isTimmConfig, readTimmConfig, timmConfig } from "../../src/layouts/timm-config.ts";
import { TIMM_VIT_EPS } from "../../src/layouts/timm-names.ts";
import { smallArchitecture } from "./arbitraries.ts";
import { faultsOf, systemOf } from "./knowledge.ts";
import { hasFile, readJson, SYSTEMS } from "./systems.ts";

/** Fields of a library's config that do not act once weights are loaded, and those whose absence means the same. */
const INERT = new Set([
	"transformers_version",
	"initializer_factor",
	"initializer_range",
	"_name_or_path",
	"chunk_size_feed_forward",
	"id2label",
	"label2id",
	"label_names",
	"is_encoder_decoder",
	"output_attentions",
	"output_hidden_states",
	"problem_type",
	"return_dict",
	// Written by timm for information.
	"global_pool",
]);

/** A config without its inert fields, MLP ratios as the width they give, and nulls of nested parts as absent. */
function essence(value: unknown): unknown {
	if (Array.isArray(value) || typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value)
		.filter(([key, field]) => !INERT.has(key) && !(field === null && ["architectures", "dtype"].includes(key)))
		.map(([key, field]): [string, unknown] => [key, essence(field)]);
	const fields = new Map(entries);
	const [width, ratio] = [fields.get("embed_dim"), fields.get("mlp_ratio")];
	if (typeof width === "number" && typeof ratio === "number") fields.set("mlp_ratio", Math.trunc(width * ratio));
	return Object.fromEntries(fields);
}

const systems = SYSTEMS.map((system) => ({ system, ...systemOf(system) }));

/** Systems that have a file. */
function systemsWith(path: string) {
	return systems.filter(({ system }) => hasFile(system, path));
}

function preset(name: string): Architecture {
	const found = PRESETS.get(name);
	if (found === undefined) throw new Error(`No preset "${name}"`);
	return found.architecture;
}

function preprocessOf({ vision }: Architecture): Preprocess {
	return { size: vision.imageSize, ...OPENCLIP_PREPROCESS };
}

/** Expects the sources to tell all of `facts`, and of the architecture nothing but the truth. */
function expectTold(sources: readonly FactSource[], architecture: Architecture, facts: readonly string[]) {
	const told = combineFacts(sources).facts;
	const { vision, text, ...root } = architecture;
	const { facts: truth } = statedBy("the truth", { root, vision, text });
	for (const [path, { value }] of told) if (truth.has(path)) expect([path, value]).toEqual([path, truth.get(path)]);
	expect([...told.keys()]).toEqual(expect.arrayContaining([...facts]));
}

const TEXT_FACTS = ["text.heads", "text.eps", "text.width", "text.contextLength", "quickGelu", "embedDim"];
const IMAGE_FACTS = ["vision.family", "vision.imageSize", "embedDim", "preprocess.mean", "preprocess.resizeMode"];

describe("openClipConfig", () => {
	it.each(systems)("writes $system's config", ({ system, architecture, preprocess }) => {
		const json = readJson(system, "openclip/open_clip_config.json");
		const { modelConfig } = readOpenClipConfig(json);
		expect(openClipConfig(architecture, preprocess, modelConfig)).toEqual(json);
	});

	it.each(systems)("describes $system without its original config", ({ architecture, preprocess }) => {
		const { sources } = readOpenClipConfig(openClipConfig(architecture, preprocess));
		expect(combineFacts(sources)).toMatchObject({ architecture, preprocess, missing: [] });
	});

	it("keeps the tokenizer's fields when the function changes", () => {
		const { modelConfig } = readOpenClipConfig(readJson("digits-clip-soup", "openclip/open_clip_config.json"));
		const { architecture, preprocess } = systemOf("digits-clip-soup");
		const config = openClipConfig({ ...architecture, quickGelu: true }, preprocess, modelConfig);
		expect(config.model_cfg).toMatchObject({ quick_gelu: true, text_cfg: { hf_tokenizer_name: "digits-clip" } });
	});

	it("does not keep a field of the original that makes another function", () => {
		const { architecture, preprocess } = systemOf("vit-quickgelu");
		const { modelConfig } = readOpenClipConfig(readJson("vit-quickgelu", "openclip/open_clip_config.json"));
		const config = openClipConfig({ ...architecture, quickGelu: false }, preprocess, modelConfig);
		expect(config.model_cfg).not.toHaveProperty("quick_gelu");
	});

	it("takes open_clip's own defaults where preprocess_cfg is silent", () => {
		const { model_cfg } = Object(readJson("vit", "openclip/open_clip_config.json"));
		const { sources } = readOpenClipConfig({ model_cfg, preprocess_cfg: { resize_mode: "squash" } });
		expect(combineFacts(sources).preprocess).toEqual({ ...OPENCLIP_PREPROCESS, resizeMode: "squash", size: 48 });
	});

	it("writes the head width, without which open_clip takes 64", () => {
		const { model_cfg } = openClipConfig(preset("ViT-bigG-14"), preprocessOf(preset("ViT-bigG-14")));
		expect(model_cfg).toMatchObject({ vision_cfg: { head_width: 104 } });
	});
});

describe("timmConfig", () => {
	it.each(systemsWith("timm/config.json"))("writes $system's config", ({ system, architecture, preprocess }) => {
		expect(essence(timmConfig(architecture, preprocess))).toEqual(essence(readJson(system, "timm/config.json")));
	});

	it.each(systemsWith("timm/config.json"))("is read back as $system's image tower", ({ system, architecture }) => {
		const { sources } = readTimmConfig(readJson(system, "timm/config.json"));
		expectTold(sources, architecture, IMAGE_FACTS);
	});

	it.each([
		["ViT-B-32", "vit_base_patch32_clip_224", undefined],
		["ViT-B-16-quickgelu", "vit_base_patch16_clip_quickgelu_224", undefined],
		["ViT-L-14-336", "vit_large_patch14_clip_336", undefined],
		["ViT-H-16", "vit_huge_patch14_clip_224", { patch_size: 16 }],
		["ViT-H-14-336", "vit_huge_patch14_clip_336", undefined],
		["ViT-g-14", "vit_giant_patch14_clip_224", undefined],
		["ViT-bigG-14-quickgelu", "vit_gigantic_patch14_clip_quickgelu_224", undefined],
		["convnext_xxlarge_320", "convnext_xxlarge", undefined],
		["convnext_large_d", "convnext_large_mlp", undefined],
		["RN50x64", "resnet50x64_clip", undefined],
		["RN101-quickgelu", "resnet101_clip", undefined],
	])("names %s %s", (name, architecture, model_args) => {
		const config = timmConfig(preset(name), preprocessOf(preset(name)));
		expect(config).toMatchObject({ architecture, num_classes: preset(name).embedDim });
		expect(Object(config).model_args).toEqual(model_args);
	});

	it("tells QuickGELU by an argument where timm has no such name", () => {
		const architecture = { ...preset("ViT-g-14"), quickGelu: true };
		const config = timmConfig(architecture, preprocessOf(architecture));
		expect(config).toMatchObject({
			architecture: "vit_giant_patch14_clip_224",
			model_args: { act_layer: "quick_gelu" },
		});
	});

	it("tells another image size by an argument, since TimmWrapper does not read input_size", () => {
		const large = preset("ViT-L-14");
		const architecture: Architecture = { ...large, vision: { ...large.vision, imageSize: 280 } };
		expect(timmConfig(architecture, preprocessOf(architecture))).toMatchObject({
			model_args: { img_size: 280 },
			pretrained_cfg: { input_size: [3, 280, 280] },
		});
	});

	it("tells an epsilon that is not the ConvNeXt entry's", () => {
		const base = preset("convnext_xxlarge");
		if (base.vision.family !== "convnext") throw new Error("No ConvNeXt");
		const architecture = { ...base, vision: { ...base.vision, eps: 1e-6 } };
		expect(timmConfig(architecture, preprocessOf(architecture))).toMatchObject({ model_args: { norm_eps: 1e-6 } });
	});

	it.each([...PRESETS.values()])("writes crop_pct 1 and both class counts for $name", ({ architecture }) => {
		const { num_classes, pretrained_cfg } = timmConfig(architecture, preprocessOf(architecture));
		expect(num_classes).toBe(architecture.embedDim);
		expect(pretrained_cfg).toMatchObject({ crop_pct: 1, num_classes: architecture.embedDim });
	});

	it.each([...PRESETS.values()])("is read back for $name", ({ architecture }) => {
		const { sources } = readTimmConfig(timmConfig(architecture, preprocessOf(architecture)));
		expectTold(sources, architecture, IMAGE_FACTS);
	});

	it("refuses a ResNet of a size that timm has no name for", () => {
		const { architecture, preprocess } = systemOf("resnet");
		const [fault] = faultsOf(() => timmConfig(architecture, preprocess));
		expect(fault?.code).toBe("ERR_LAYOUT_MISMATCH");
		expect(fault?.fix).toContain("--weights-only");
	});

	it("refuses a ViT's epsilon that timm's have not", () => {
		const base = preset("ViT-B-32");
		if (base.vision.family !== "vit") throw new Error("No ViT");
		const architecture = { ...base, vision: { ...base.vision, eps: 1e-6 } };
		const faults = faultsOf(() => timmConfig(architecture, preprocessOf(architecture)));
		expect(faults.map(({ details }) => details.found)).toEqual(["an epsilon of 0.000001"]);
	});

	it.each([
		["shortest", "center"],
		["longest", "border"],
		["squash", "squash"],
	] as const)("calls %s %s, and back", (resizeMode, crop_mode) => {
		const config = timmConfig(preset("ViT-B-32"), { ...preprocessOf(preset("ViT-B-32")), resizeMode });
		expect(config.pretrained_cfg.crop_mode).toBe(crop_mode);
		expect(combineFacts(readTimmConfig(config).sources).facts.get("preprocess.resizeMode")?.value).toBe(resizeMode);
	});

	it("lets the number of classes at the top win, as timm does", () => {
		const config = timmConfig(preset("ViT-B-32"), preprocessOf(preset("ViT-B-32")));
		const { facts } = combineFacts(readTimmConfig({ ...config, num_classes: 7 }).sources);
		expect(facts.get("embedDim")?.value).toBe(7);
	});

	it("says that timm's padding and its own crop_pct are not kept", () => {
		const config = timmConfig(preset("ViT-B-32"), { ...preprocessOf(preset("ViT-B-32")), resizeMode: "longest" });
		const { crop_pct: _, ...rest } = config.pretrained_cfg;
		expect(readTimmConfig(config).notices).toEqual([expect.stringMatching(/crop_mode border pads with the mean/)]);
		expect(readTimmConfig({ ...config, pretrained_cfg: { ...rest, crop_mode: "center" } }).notices).toEqual([
			expect.stringMatching(/crop_pct is not there, and timm's own 0\.875 is not taken/),
		]);
	});

	it("says that a crop_pct of 0.9 is not kept", () => {
		const config = timmConfig(preset("RN50"), preprocessOf(preset("RN50")));
		const cropped = { ...config, pretrained_cfg: { ...config.pretrained_cfg, crop_pct: 0.9 } };
		expect(readTimmConfig(cropped).notices).toEqual([
			"config.json: crop_pct 0.9 is not kept, since a CLIP sees the whole of the resized short side",
		]);
	});

	it("keeps the entry's own value where an argument is null, as timm.create_model does", () => {
		const model_args = { head_hidden_size: null, norm_eps: null, depths: null };
		const config = { architecture: "convnext_large_mlp", num_classes: 768, model_args, pretrained_cfg: {} };
		const { facts } = combineFacts(readTimmConfig(config).sources);
		expect(facts.get("vision.head")?.value).toBe("mlp");
		expect(facts.get("vision.eps")?.value).toBe(1e-6);
		expect(facts.get("vision.depths")?.value).toEqual([3, 3, 27, 3]);
	});

	it.each(["vit_base_patch16_224", "resnet50_clip_gap", "convnextv2_base"])("refuses to read %s", (architecture) => {
		const config = { architecture, num_classes: 512, pretrained_cfg: {} };
		expect(faultsOf(() => readTimmConfig(config)).map(({ code }) => code)).toEqual(["ERR_CONFIG_INVALID"]);
	});

	it.each([
		["x", 'Cannot use config.json: found "x", expected an object'],
		[
			{ architecture: "vit_base_patch32_clip_224", num_classes: 512, pretrained_cfg: {}, model_args: "x" },
			'model_args of config.json: found "x", expected an object',
		],
		[
			{ architecture: "vit_base_patch32_clip_224", num_classes: 512, pretrained_cfg: { mean: ["x", 0, 0] } },
			'"pretrained_cfg.mean.0" of config.json: found "x", expected a number',
		],
	])("says in plain words what is wrong with %j", (config, words) => {
		const messages = faultsOf(() => readTimmConfig(config)).map(({ message }) => message);
		expect(messages).toEqual([expect.stringContaining(words)]);
		expect(messages.join()).not.toContain('""');
	});
});

describe("clipConfig", () => {
	const clips = systemsWith("hf/config.json");

	it.each(clips)("writes $system's config", ({ system, architecture }) => {
		const dtype = system === "vit-f16" ? "F16" : "F32";
		expect(essence(clipConfig(architecture, dtype))).toEqual(essence(readJson(system, "hf/config.json")));
	});

	it.each(clips)("is read back as $system", ({ system, architecture, preprocess }) => {
		const sources = [
			...readHfConfig(readJson(system, "hf/config.json")),
			...readPreprocessorConfig(readJson(system, "hf/preprocessor_config.json")),
			USUAL_FORMS,
		];
		expect(combineFacts(sources)).toMatchObject({ architecture, preprocess, missing: [] });
	});

	it("reads a config without hidden_act as QuickGELU, as transformers does", () => {
		const { facts } = combineFacts(readHfConfig({ model_type: "clip", text_config: {}, vision_config: {} }));
		expect(facts.get("quickGelu")?.value).toBe(true);
		expect(facts.get("vision.heads")?.value).toBe(12);
		expect(facts.get("text.heads")?.value).toBe(8);
	});

	it.each([
		[49_408, undefined, 49_407],
		[600, undefined, 599],
		// Padded to a multiple of 64: the last id is in no text.
		[49_472, undefined, 2],
		[49_472, 49_407, 2],
		[49_472, 49_471, 49_471],
		[600, 500, 2],
		[600, 599, 599],
	])("pools %d ids of which the tokenizer's last is %s at %d", (vocabularySize, lastId, eos) => {
		const base = preset("ViT-B-32");
		const architecture = { ...base, text: { ...base.text, vocabularySize } };
		const vocabulary = lastId === undefined ? undefined : { lastId, isClip: false };
		const config = clipConfig(architecture, "F32", vocabulary);
		expect(config.text_config.eos_token_id).toBe(eos);
		expect(clipTextConfig(architecture, "F32", vocabulary).eos_token_id).toBe(eos);
		expect(combineFacts(readHfConfig(config)).facts.get("text.vocabularySize")?.value).toBe(vocabularySize);
	});

	it("refuses towers of two activations", () => {
		const config = { model_type: "clip", text_config: { hidden_act: "gelu" }, vision_config: {} };
		const [fault] = faultsOf(() => combineFacts(readHfConfig(config)));
		expect(fault?.code).toBe("ERR_ARCHITECTURE_MISMATCH");
		expect(fault?.details).toMatchObject({ fact: "quickGelu" });
		expect(fault?.message).toMatch(/\(text_config\.hidden_act\)/);
		// What the file does not say is not said to stand there.
		expect(fault?.message).toMatch(/\(vision_config\.hidden_act, by default\)/);
	});

	it("lets the older text_config_dict win", () => {
		const config = { model_type: "clip", text_config: { hidden_size: 640 }, text_config_dict: { hidden_size: 768 } };
		expect(combineFacts(readHfConfig(config)).facts.get("text.width")?.value).toBe(768);
	});

	it.each([
		[49_407, true],
		[2, true],
		[49_406, false],
		[0, false],
	])("takes an eos_token_id of %i: %s", (eos_token_id, isTaken) => {
		const faults = faultsOf(() => readHfConfig({ model_type: "clip", text_config: { eos_token_id } }));
		expect(faults.map(({ details }) => details.field)).toEqual(isTaken ? [] : ["eos_token_id"]);
	});

	it.each(["gelu_new", "relu"])("refuses hidden_act %s", (hidden_act) => {
		const faults = faultsOf(() => readHfConfig({ model_type: "clip", vision_config: { hidden_act } }));
		expect(faults.map(({ code }) => code)).toEqual(["ERR_CONFIG_INVALID"]);
	});

	it("sets projection_dim in all three places", () => {
		expect(clipConfig(preset("ViT-H-14"), "F32")).toMatchObject({
			projection_dim: 1024,
			text_config: { projection_dim: 1024 },
			vision_config: { projection_dim: 1024 },
		});
	});
});

describe("clipTextConfig", () => {
	it.each(systemsWith("hf/text/config.json"))("writes $system's config", ({ system, architecture }) => {
		const config = readJson(system, "hf/text/config.json");
		expect(essence(clipTextConfig(architecture, "F32"))).toEqual(essence(config));
		expectTold(readHfConfig(config), architecture, TEXT_FACTS);
	});
});

describe("dualConfig", () => {
	it.each(systemsWith("hf-dual/config.json"))("writes $system's config", ({ system, architecture }) => {
		const config = readJson(system, "hf-dual/config.json");
		expect(essence(dualConfig(architecture, "F32"))).toEqual(essence(config));
		expectTold(readHfConfig(config), architecture, [...TEXT_FACTS, "vision.depths", "vision.head"]);
	});

	it.each(systemsWith("hf-dual/config.json"))("leaves $system's image size to the preprocessor", ({ system }) => {
		const sources = readHfConfig(readJson(system, "hf-dual/config.json"));
		expect(combineFacts(sources).missing).toContain("vision.imageSize");
		const complete = [...sources, ...readPreprocessorConfig(readJson(system, "hf-dual/preprocessor_config.json"))];
		expect(combineFacts(complete).missing).not.toContain("vision.imageSize");
	});
});

describe("preprocessorConfig", () => {
	it.each(systemsWith("hf/preprocessor_config.json"))("writes $system's config", ({ system, preprocess }) => {
		expect(preprocessorConfig(preprocess)).toEqual(readJson(system, "hf/preprocessor_config.json"));
	});

	it.each([
		{ resizeMode: "squash", interpolation: "bilinear" },
		{ resizeMode: "shortest", interpolation: "bicubic" },
	] as const)("is read back: $resizeMode, $interpolation", (change) => {
		const preprocess: Preprocess = { size: 64, ...OPENCLIP_PREPROCESS, mean: [0.5, 0.4, 0.3], ...change };
		const { facts } = combineFacts(readPreprocessorConfig(preprocessorConfig(preprocess)));
		expect(facts.get("vision.imageSize")?.value).toBe(64);
		for (const fact of ["mean", "std", "interpolation", "resizeMode"] as const) {
			expect(facts.get(`preprocess.${fact}`)?.value).toEqual(preprocess[fact]);
		}
	});

	it("refuses to pad", () => {
		const preprocess: Preprocess = { size: 64, ...OPENCLIP_PREPROCESS, resizeMode: "longest" };
		expect(faultsOf(() => preprocessorConfig(preprocess)).map(({ code }) => code)).toEqual(["ERR_LAYOUT_MISMATCH"]);
	});

	it.each([
		["ConvNeXt's processor", { image_processor_type: "ConvNextImageProcessor" }],
		["a crop within a larger image", { size: { shortest_edge: 256 }, crop_size: 224 }],
		["another scale", { rescale_factor: 1 / 127.5 }],
		["no crop of an oblong", { do_center_crop: false }],
	])("refuses to read %s", (_, config) => {
		expect(faultsOf(() => readPreprocessorConfig(config)).map(({ code }) => code)).toEqual(["ERR_CONFIG_INVALID"]);
	});

	it("reads the processor_config.json of transformers 5 as the file it replaces", () => {
		const tellings = (sources: readonly FactSource[]) => sources.map(({ facts }) => facts);
		const json = readJson("vit-f16", "hf-processor/processor_config.json");
		const replaced = readPreprocessorConfig(readJson("vit-f16", "hf/preprocessor_config.json"));
		expect(tellings(readProcessorConfig(json))).toEqual(tellings(replaced));
		expect(readProcessorConfig({ processor_class: "CLIPProcessor" })).toEqual([]);
	});

	it("reads the plain numbers of old versions", () => {
		const { facts } = combineFacts(readPreprocessorConfig({ size: 224, crop_size: 224 }));
		expect(facts.get("vision.imageSize")?.value).toBe(224);
	});
});

describe("config.json", () => {
	it("is timm's or transformers', never both", () => {
		expect(isTimmConfig(readJson("vit", "timm/config.json"))).toBe(true);
		expect(isTimmConfig(readJson("vit", "hf/config.json"))).toBe(false);
		expect(isTimmConfig(readJson("convnext-mlp", "hf-dual/config.json"))).toBe(false);
	});

	it("tells of any small architecture what it was written from", () => {
		fc.assert(
			fc.property(smallArchitecture, (architecture) => {
				const { vision } = architecture;
				fc.pre(vision.family !== "resnet");
				const preprocess = preprocessOf(architecture);
				if (vision.family !== "vit" || vision.eps === TIMM_VIT_EPS) {
					expectTold(readTimmConfig(timmConfig(architecture, preprocess)).sources, architecture, IMAGE_FACTS);
				}
				expectTold(readHfConfig(clipTextConfig(architecture, "F32")), architecture, TEXT_FACTS);
				if (vision.family === "vit") {
					const sources = [...readHfConfig(clipConfig(architecture, "F32")), USUAL_FORMS];
					expect(combineFacts(sources).architecture).toEqual({
						...architecture,
						customText: false,
						nonscalarLogitScale: false,
					});
				}
			}),
		);
	});
});
