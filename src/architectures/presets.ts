import type { ModelConfig } from "./architecture.ts";

/**
 * Configs of published CLIPs under OpenCLIP's names, values verbatim.
 *
 * Source: src/open_clip/model_configs @ 89fb801f of mlfoundations/open_clip. `ViT-H-14-336` is not among them: it is
 * ViT-H-14 at another image size, as the LAION model card's table lists it.
 */
export const PRESET_CONFIGS = {
	convnext_xxlarge: {
		embed_dim: 1024,
		vision_cfg: {
			timm_model_name: "convnext_xxlarge",
			timm_model_pretrained: false,
			timm_pool: "",
			timm_proj: "linear",
			timm_drop: 0.0,
			timm_drop_path: 0.1,
			image_size: 256,
		},
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1024, heads: 16, layers: 24 },
	},
	convnext_xxlarge_320: {
		embed_dim: 1024,
		vision_cfg: {
			timm_model_name: "convnext_xxlarge",
			timm_model_pretrained: false,
			timm_pool: "",
			timm_proj: "linear",
			timm_drop: 0.0,
			timm_drop_path: 0.1,
			image_size: 320,
		},
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1024, heads: 16, layers: 24 },
	},
	convnext_base_w: {
		embed_dim: 640,
		vision_cfg: {
			timm_model_name: "convnext_base",
			timm_model_pretrained: false,
			timm_pool: "",
			timm_proj: "linear",
			timm_drop: 0.0,
			timm_drop_path: 0.1,
			image_size: 256,
		},
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 640, heads: 10, layers: 12 },
	},
	convnext_large_d: {
		embed_dim: 768,
		vision_cfg: {
			timm_model_name: "convnext_large",
			timm_model_pretrained: false,
			timm_pool: "",
			timm_proj: "mlp",
			timm_drop: 0.0,
			timm_drop_path: 0.1,
			image_size: 256,
		},
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 768, heads: 12, layers: 16 },
	},
	"ViT-B-32": {
		embed_dim: 512,
		vision_cfg: { image_size: 224, layers: 12, width: 768, patch_size: 32 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 512, heads: 8, layers: 12 },
	},
	"ViT-B-16": {
		embed_dim: 512,
		vision_cfg: { image_size: 224, layers: 12, width: 768, patch_size: 16 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 512, heads: 8, layers: 12 },
	},
	"ViT-L-14": {
		embed_dim: 768,
		vision_cfg: { image_size: 224, layers: 24, width: 1024, patch_size: 14 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 768, heads: 12, layers: 12 },
	},
	"ViT-L-14-336": {
		embed_dim: 768,
		vision_cfg: { image_size: 336, layers: 24, width: 1024, patch_size: 14 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 768, heads: 12, layers: 12 },
	},
	"ViT-H-16": {
		embed_dim: 1024,
		vision_cfg: { image_size: 224, layers: 32, width: 1280, head_width: 80, patch_size: 16 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1024, heads: 16, layers: 24 },
	},
	"ViT-H-14": {
		embed_dim: 1024,
		vision_cfg: { image_size: 224, layers: 32, width: 1280, head_width: 80, patch_size: 14 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1024, heads: 16, layers: 24 },
	},
	"ViT-H-14-336": {
		embed_dim: 1024,
		vision_cfg: { image_size: 336, layers: 32, width: 1280, head_width: 80, patch_size: 14 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1024, heads: 16, layers: 24 },
	},
	"ViT-g-14": {
		embed_dim: 1024,
		vision_cfg: { image_size: 224, layers: 40, width: 1408, head_width: 88, mlp_ratio: 4.3637, patch_size: 14 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1024, heads: 16, layers: 24 },
	},
	"ViT-bigG-14": {
		embed_dim: 1280,
		vision_cfg: { image_size: 224, layers: 48, width: 1664, head_width: 104, mlp_ratio: 4.9231, patch_size: 14 },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1280, heads: 20, layers: 32 },
	},
	RN50: {
		embed_dim: 1024,
		vision_cfg: { image_size: 224, layers: [3, 4, 6, 3], width: 64, patch_size: null },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 512, heads: 8, layers: 12 },
	},
	RN101: {
		embed_dim: 512,
		vision_cfg: { image_size: 224, layers: [3, 4, 23, 3], width: 64, patch_size: null },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 512, heads: 8, layers: 12 },
	},
	RN50x4: {
		embed_dim: 640,
		vision_cfg: { image_size: 288, layers: [4, 6, 10, 6], width: 80, patch_size: null },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 640, heads: 10, layers: 12 },
	},
	RN50x16: {
		embed_dim: 768,
		vision_cfg: { image_size: 384, layers: [6, 8, 18, 8], width: 96, patch_size: null },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 768, heads: 12, layers: 12 },
	},
	RN50x64: {
		embed_dim: 1024,
		vision_cfg: { image_size: 448, layers: [3, 15, 36, 10], width: 128, patch_size: null },
		text_cfg: { context_length: 77, vocab_size: 49_408, width: 1024, heads: 16, layers: 12 },
	},
} as const satisfies Record<string, ModelConfig>;

/** The presets that OpenCLIP lists a second time, with `-quickgelu` after the name and `quick_gelu` in the config. */
export const QUICK_GELU_PRESETS = [
	"ViT-B-32",
	"ViT-B-16",
	"ViT-L-14",
	"ViT-L-14-336",
	"ViT-H-14",
	"ViT-bigG-14",
	"RN50",
	"RN101",
	"RN50x4",
	"RN50x16",
	"RN50x64",
] as const satisfies readonly (keyof typeof PRESET_CONFIGS)[];
