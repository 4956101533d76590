import { describe, expect, it } from "vitest";
import { matchingPresets, PRESETS } from "../../src/architectures/index.ts";
import { inferArchitecture } from "../../src/architectures/infer.ts";
import type { NamedShape } from "../../src/architectures/shapes.ts";
import { canonicalInventory } from "../../src/layouts/canonical.ts";
import { combineFacts, requireArchitecture } from "../../src/layouts/combine-facts.ts";
import { type FactSource, statedBy } from "../../src/layouts/facts.ts";
import { readHfConfig } from "../../src/layouts/hf-facts.ts";
import { presetFacts, tensorFacts, USUAL_FORMS } from "../../src/layouts/known-facts.ts";
import { readOpenClipConfig } from "../../src/layouts/openclip-config.ts";
import { OPENCLIP_PREPROCESS } from "../../src/layouts/preprocess.ts";
import { readLayouts } from "../../src/layouts/read.ts";
import { readTimmConfig } from "../../src/layouts/timm-config.ts";
import { faultsOf, systemOf } from "./knowledge.ts";
import { readJson, readTensors, SYSTEMS } from "./systems.ts";

function reading(system: string, ...folders: readonly string[]) {
	return readLayouts(folders.map((folder) => ({ label: folder, tensors: readTensors(system, folder) })));
}

/** Canonical tensors as OpenCLIP stores them. */
function plain(tensors: readonly NamedShape[]) {
	return { tensors, zeros: [], recognitions: [] };
}

describe("combineFacts", () => {
	it.each(SYSTEMS)("finds $0's config and tensors in agreement", (system) => {
		const found = reading(system, "openclip");
		const config = readOpenClipConfig(readJson(system, "openclip/open_clip_config.json")).sources;
		const knowledge = combineFacts([...tensorFacts(found), ...config]);
		expect(knowledge).toMatchObject({ ...systemOf(system), missing: [] });
	});

	it("names what a lone OpenCLIP file does not tell, and the presets that fit it", () => {
		const architecture = PRESETS.get("ViT-B-32")?.architecture;
		if (architecture === undefined) throw new Error("No preset");
		const tensors = canonicalInventory(architecture);
		const knowledge = combineFacts([...tensorFacts(plain(tensors)), USUAL_FORMS]);
		const presets = matchingPresets(inferArchitecture(tensors).known).map(({ name }) => name);
		expect(knowledge.architecture).toBeUndefined();
		expect(knowledge.missing).toEqual([
			"quickGelu",
			"vision.heads",
			"vision.eps",
			"text.heads",
			"text.eps",
			"preprocess.mean",
			"preprocess.std",
			"preprocess.interpolation",
			"preprocess.resizeMode",
		]);
		const [fault] = faultsOf(() => requireArchitecture(knowledge, presets));
		expect(fault?.exitCode).toBe(2);
		expect(fault?.message).toContain("quickGelu, vision.heads, vision.eps, text.heads, text.eps");
		expect(fault?.fix).toContain("ViT-B-32, ViT-B-32-quickgelu");
	});

	it("names the text tower's facts for a timm folder", () => {
		const found = reading("convnext-mlp", "timm");
		const { sources } = readTimmConfig(readJson("convnext-mlp", "timm/config.json"));
		const { facts, missing } = combineFacts([...tensorFacts(found), ...sources, USUAL_FORMS]);
		expect(missing).toEqual([
			"quickGelu",
			"text.contextLength",
			"text.vocabularySize",
			"text.width",
			"text.layers",
			"text.heads",
			"text.mlpWidth",
			"text.eps",
			"text.projectionBias",
		]);
		expect(facts.get("embedDim")).toEqual({ value: 48, from: ["the image tower's tensors", "config.json"] });
	});

	it("puts a timm folder and a text folder together", () => {
		const found = reading("convnext-mlp", "timm", "hf/text");
		const knowledge = combineFacts([
			...tensorFacts(found),
			...readTimmConfig(readJson("convnext-mlp", "timm/config.json"), "vision/config.json").sources,
			...readHfConfig(readJson("convnext-mlp", "hf/text/config.json"), "text/config.json"),
			USUAL_FORMS,
		]);
		expect(knowledge).toMatchObject({ ...systemOf("convnext-mlp"), missing: [] });
	});

	it("takes a preset for what tensors do not tell", () => {
		const preset = PRESETS.get("convnext_large_d");
		if (preset === undefined) throw new Error("No preset");
		const sources = [
			...tensorFacts(plain(canonicalInventory(preset.architecture))),
			...presetFacts(preset),
			USUAL_FORMS,
		];
		const { architecture, preprocess, facts } = combineFacts(sources);
		expect(architecture).toEqual(preset.architecture);
		expect(preprocess?.size).toBe(256);
		expect(facts.get("text.heads")?.from).toEqual(["--arch convnext_large_d"]);
		expect(facts.get("preprocess.mean")?.from).toEqual(["OpenCLIP's default"]);
	});

	it.each([
		["another depth", { text_cfg: { layers: 3 } }, "text.layers"],
		["another width", { vision_cfg: { width: 80, head_width: 20 } }, "vision.width"],
		["another patch size", { vision_cfg: { patch_size: 6 } }, "vision.patchSize"],
		["another embedding", { embed_dim: 64 }, "embedDim"],
	])("refuses a config with %s than the tensors have", (_, change, fact) => {
		const { model_cfg } = Object(readJson("vit", "openclip/open_clip_config.json"));
		const changed = {
			...model_cfg,
			...change,
			vision_cfg: { ...model_cfg.vision_cfg, ...Object(change).vision_cfg },
			text_cfg: { ...model_cfg.text_cfg, ...Object(change).text_cfg },
		};
		const { sources } = readOpenClipConfig({ model_cfg: changed });
		const faults = faultsOf(() => combineFacts([...tensorFacts(reading("vit", "openclip")), ...sources]));
		expect(faults.map(({ details }) => details.fact)).toContain(fact);
		expect(faults[0]?.code).toBe("ERR_ARCHITECTURE_MISMATCH");
		expect(faults[0]?.message).toContain("open_clip_config.json");
	});

	it("lets a config without custom_text win over names under `text.`, which are true without one", () => {
		const { sources } = readOpenClipConfig(readJson("vit", "openclip/open_clip_config.json"));
		const found = reading("vit-customtext", "openclip");
		expect(combineFacts([...tensorFacts(found), ...sources]).architecture?.customText).toBe(false);
		expect(combineFacts([...tensorFacts(found), USUAL_FORMS]).facts.get("customText")?.value).toBe(true);
	});

	it("accepts a top-level text tower with custom_text, which open_clip reads", () => {
		const { sources } = readOpenClipConfig(readJson("vit-customtext", "openclip/open_clip_config.json"));
		const found = reading("vit", "openclip");
		const { architecture } = combineFacts([...tensorFacts(found), ...sources]);
		expect(architecture?.customText).toBe(true);
	});

	it("takes a timm ConvNeXt's bias for none, unless a config says that the head has one", () => {
		const found = reading("convnext-mlp", "timm");
		const bias = (sources: readonly FactSource[]) => combineFacts(sources).facts.get("vision.headBias")?.value;
		expect(bias(tensorFacts(found))).toBe(false);
		expect(bias([...tensorFacts(found), statedBy("a config", { vision: { headBias: true } })])).toBe(true);
	});

	it("refuses another number of heads in two configs", () => {
		const heads = (file: string, count: number) =>
			readHfConfig({ model_type: "clip_vision_model", num_attention_heads: count }, file);
		const faults = faultsOf(() => combineFacts([...heads("a.json", 16), ...heads("b.json", 24)]));
		expect(faults.map(({ details }) => details)).toEqual([
			{ fact: "vision.heads", found: 24, source: "b.json", expected: 16, from: ["a.json"] },
		]);
	});

	it("refuses facts that make no model", () => {
		const { architecture } = systemOf("vit");
		const { vision, text, ...root } = { ...architecture, text: { ...architecture.text, heads: 7 } };
		const sources = [statedBy("x", { root, vision, text, preprocess: OPENCLIP_PREPROCESS })];
		expect(faultsOf(() => combineFacts(sources)).map(({ code }) => code)).toEqual(["ERR_CONFIG_INVALID"]);
	});
});
