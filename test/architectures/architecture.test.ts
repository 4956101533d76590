import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { modelConfigOf, parseArchitecture } from "../../src/architectures/architecture.ts";
import { PRESETS } from "../../src/architectures/index.ts";
import { ClipSoupError, FaultsError } from "../../src/errors.ts";
import { anyArchitecture } from "./arbitraries.ts";
import { INVENTORY_FIXTURES } from "./fixtures.ts";

const VIT = { image_size: 224, layers: 12, width: 768, patch_size: 32 };
const CONVNEXT = { timm_model_name: "convnext_xxlarge", timm_proj: "linear", image_size: 256 };
const RESNET = { image_size: 224, layers: [3, 4, 6, 3], width: 64, patch_size: null };
const TEXT = { context_length: 77, vocab_size: 49_408, width: 512, heads: 8, layers: 12 };

function config(parts: { vision?: object; text?: object; root?: object } = {}): object {
	return {
		embed_dim: 512,
		vision_cfg: { ...VIT, ...parts.vision },
		text_cfg: { ...TEXT, ...parts.text },
		...parts.root,
	};
}

/** A config with another family's `vision_cfg`. */
function vision(base: object, change: object): object {
	return config({ root: { vision_cfg: { ...base, ...change } } });
}

function refusalOf(modelConfig: unknown): ClipSoupError {
	try {
		parseArchitecture(modelConfig);
	} catch (error) {
		if (error instanceof ClipSoupError) return error;
		throw error;
	}
	throw new Error("Expected a refusal");
}

describe("parseArchitecture", () => {
	it("reads a ViT with head width and MLP ratio as bigG has them", () => {
		const { vision, text } = parseArchitecture(
			config({ vision: { width: 1664, layers: 48, head_width: 104, mlp_ratio: 4.9231, patch_size: 14 } }),
		);
		expect(vision).toEqual({
			family: "vit",
			imageSize: 224,
			patchSize: 14,
			width: 1664,
			layers: 48,
			heads: 16,
			mlpWidth: 8192,
			eps: 1e-5,
		});
		expect(text).toMatchObject({ heads: 8, mlpWidth: 2048, eps: 1e-5, projectionBias: false });
	});

	it("takes open_clip's defaults where fields are absent", () => {
		expect(parseArchitecture({ embed_dim: 512, vision_cfg: {}, text_cfg: {} })).toMatchObject({
			vision: { layers: 12, width: 768, heads: 12, mlpWidth: 3072, patchSize: 16, imageSize: 224 },
			text: { contextLength: 77, vocabularySize: 49_408, width: 512, heads: 8, layers: 12 },
			quickGelu: false,
			customText: false,
			logitBias: false,
		});
	});

	it.each([
		["convnext_xxlarge's own epsilon", {}, 1e-5],
		["convnext_base's, which is timm's", { timm_model_name: "convnext_base" }, 1e-6],
		["that of norm_eps", { timm_model_kwargs: { norm_eps: 1e-4 } }, 1e-4],
		[
			"its own where arguments are null",
			{ timm_model_kwargs: { norm_eps: null, ls_init_value: null, dims: null } },
			1e-5,
		],
	])("gives a ConvNeXt %s", (_, change, eps) => {
		expect(parseArchitecture(vision(CONVNEXT, change)).vision).toMatchObject({ eps });
	});

	it("lets timm_model_kwargs override depths and dims", () => {
		const kwargs = { depths: [1, 1, 2, 1], dims: [16, 24, 32, 48] };
		expect(parseArchitecture(vision(CONVNEXT, { timm_model_kwargs: kwargs })).vision).toMatchObject(kwargs);
	});

	it("gives a ResNet's attention pool one head for 64 features", () => {
		expect(parseArchitecture(vision(RESNET, {})).vision).toMatchObject({ family: "resnet", heads: 32 });
	});

	it("takes a list of two equal image sizes", () => {
		expect(parseArchitecture(config({ vision: { image_size: [224, 224] } })).vision.imageSize).toBe(224);
	});

	it("accepts fields of training, of the tokenizer, and of families that the tower is not", () => {
		const training = {
			vision: { patch_dropout: 0.5, timm_drop_path: 0.1, timm_model_name: null, timm_pool: "avg" },
			text: { hf_tokenizer_name: "digits-clip", tokenizer_kwargs: { clean: "lower" }, eos_id: 1, norm_type: null },
			root: { init_logit_scale: 2.6 },
		};
		expect(parseArchitecture(config(training))).toEqual(parseArchitecture(config()));
	});

	it.each([
		["vision_cfg.pool_type", config({ vision: { pool_type: "avg" } })],
		["vision_cfg.ls_init_value", config({ vision: { ls_init_value: 0.1 } })],
		["vision_cfg.attentional_pool", config({ vision: { attentional_pool: true } })],
		["vision_cfg.no_ln_pre", config({ vision: { no_ln_pre: true } })],
		["vision_cfg.pos_embed_type", config({ vision: { pos_embed_type: "sin_cos_2d" } })],
		["vision_cfg.act_kwargs", config({ vision: { act_kwargs: 1 } })],
		["vision_cfg.act_kwargs.approximate", config({ vision: { act_kwargs: { approximate: "tanh" } } })],
		["vision_cfg.norm_kwargs.elementwise_affine", config({ vision: { norm_kwargs: { elementwise_affine: false } } })],
		["vision_cfg.image_size", config({ vision: { image_size: [224, 240] } })],
		["vision_cfg.image_size", config({ vision: { image_size: 230 } })],
		["vision_cfg.head_width", config({ vision: { head_width: 100 } })],
		["vision_cfg.head_width", config({ vision: { head_width: 1000 } })],
		["vision_cfg.layers", config({ vision: { layers: 1e9 } })],
		["vision_cfg.global_average_pool", config({ vision: { global_average_pool: true } })],
		["vision_cfg.timm_model_name", vision(CONVNEXT, { timm_model_name: "vit_base_patch16_siglip_224" })],
		["vision_cfg.timm_model_name", vision(CONVNEXT, { timm_model_name: "convnext_large_mlp" })],
		["vision_cfg.timm_model_name", vision(CONVNEXT, { timm_model_name: "toString" })],
		["vision_cfg.timm_pool", vision(CONVNEXT, { timm_pool: "abs_attn" })],
		["vision_cfg.timm_proj", vision(CONVNEXT, { timm_proj: "" })],
		["vision_cfg.timm_model_kwargs.use_grn", vision(CONVNEXT, { timm_model_kwargs: { use_grn: true } })],
		["vision_cfg.timm_model_kwargs.ls_init_value", vision(CONVNEXT, { timm_model_kwargs: { ls_init_value: "none" } })],
		["vision_cfg.timm_model_kwargs.dims", vision(CONVNEXT, { timm_model_kwargs: { dims: [1, 2, 3] } })],
		["vision_cfg.image_size", vision(CONVNEXT, { image_size: 31 })],
		["vision_cfg", config({ root: { vision_cfg: null } })],
		["vision_cfg.layers", vision(RESNET, { layers: [3, 4, 6] })],
		["vision_cfg.image_size", vision(RESNET, { image_size: 240 })],
		["vision_cfg.head_width", vision(RESNET, { head_width: 60 })],
		["text_cfg.hf_model_name", config({ text: { hf_model_name: "roberta-base" } })],
		["text_cfg.text_arch", config({ text: { text_arch: "modern" } })],
		["text_cfg.pool_type", config({ text: { pool_type: "last" } })],
		["text_cfg.no_causal_mask", config({ text: { no_causal_mask: true } })],
		["text_cfg.proj_type", config({ text: { proj_type: "none" } })],
		["text_cfg.embed_cls", config({ text: { embed_cls: true } })],
		["text_cfg.heads", config({ text: { heads: 7 } })],
		["text_cfg.width", config({ text: { width: "512" } })],
		["multimodal_cfg", config({ root: { multimodal_cfg: {} } })],
		["embed_dim", config({ root: { embed_dim: 0 } })],
		["text_cfg", { embed_dim: 512, vision_cfg: VIT }],
	])("refuses model_cfg.%s", (field, modelConfig) => {
		const error = refusalOf(modelConfig);
		expect(error.code).toBe("ERR_CONFIG_INVALID");
		expect(error.details.field).toBe(`model_cfg.${field}`);
		expect(error.message).toContain(`Cannot use model_cfg.${field}: found `);
	});

	it("says what it found and what it expected", () => {
		expect(refusalOf(config({ vision: { pool_type: "avg" } })).message).toBe(
			'Cannot use model_cfg.vision_cfg.pool_type: found "avg", expected "tok"',
		);
		expect(refusalOf(config({ root: { audio_cfg: {} } })).message).toBe(
			"Cannot use model_cfg.audio_cfg: found {}, expected no such field",
		);
	});

	it("reports all faulty fields at once", () => {
		const error = refusalOf(config({ vision: { pool_type: "avg" }, text: { pool_type: "last" } }));
		expect(error).toBeInstanceOf(FaultsError);
	});

	it.each([null, 3, "ViT-B-32", [], {}])("refuses %j, which is no model_cfg", (value) => {
		expect(refusalOf(value).code).toBe("ERR_CONFIG_INVALID");
	});
});

describe("modelConfigOf", () => {
	it("is undone by parseArchitecture", () => {
		fc.assert(
			fc.property(anyArchitecture, (architecture) => {
				expect(parseArchitecture(modelConfigOf(architecture))).toEqual(architecture);
			}),
		);
	});

	it.each([...PRESETS.values()])("writes the architecture of $name as a config of it", ({ architecture }) => {
		expect(parseArchitecture(modelConfigOf(architecture))).toEqual(architecture);
	});

	it.each(INVENTORY_FIXTURES)("keeps the values of $model's own config", ({ config }) => {
		const written = modelConfigOf(parseArchitecture(config));
		expect(parseArchitecture(written)).toEqual(parseArchitecture(config));
	});
});
