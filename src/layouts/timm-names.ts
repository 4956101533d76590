import type { ResNetVision } from "../architectures/resnet.ts";
import type { VitVision } from "../architectures/vit.ts";

/** Blocks of a ViT, without its patches. */
export type VitTrunk = Pick<VitVision, "width" | "layers" | "heads" | "mlpWidth">;

const XSMALL: VitTrunk = { width: 256, layers: 10, heads: 4, mlpWidth: 1024 };
const MEDIUM: VitTrunk = { width: 512, layers: 12, heads: 8, mlpWidth: 2048 };
const BETWIXT: VitTrunk = { width: 640, layers: 12, heads: 10, mlpWidth: 2560 };
const BASE: VitTrunk = { width: 768, layers: 12, heads: 12, mlpWidth: 3072 };
const BASE_PLUS: VitTrunk = { width: 896, layers: 12, heads: 14, mlpWidth: 3584 };
const LARGE: VitTrunk = { width: 1024, layers: 24, heads: 16, mlpWidth: 4096 };
const HUGE: VitTrunk = { width: 1280, layers: 32, heads: 16, mlpWidth: 5120 };
const GIANT: VitTrunk = { width: 1408, layers: 40, heads: 16, mlpWidth: 6144 };
const GIGANTIC: VitTrunk = { width: 1664, layers: 48, heads: 16, mlpWidth: 8192 };

/** One of timm's CLIP ViTs. */
export interface TimmVit {
	readonly name: string;
	readonly trunk: VitTrunk;
	readonly patchSize: number;
	readonly imageSize: number;
	readonly quickGelu: boolean;
}

/** epsilon of every LayerNorm of those ViTs, which no model argument changes. */
export const TIMM_VIT_EPS = 1e-5;

/**
 * timm's CLIP ViTs: class token, `pre_norm`, an epsilon of 1e-5. Any other ViT of timm's is another function.
 *
 * Source: timm/models/vision_transformer.py @ aa4b5850.
 */
export const TIMM_VITS: readonly TimmVit[] = [
	...vits({ quickGelu: false }, [
		["vit_xsmall_patch16_clip_224", XSMALL, 16, 224],
		["vit_medium_patch32_clip_224", MEDIUM, 32, 224],
		["vit_medium_patch16_clip_224", MEDIUM, 16, 224],
		["vit_betwixt_patch32_clip_224", BETWIXT, 32, 224],
		["vit_base_patch32_clip_224", BASE, 32, 224],
		["vit_base_patch32_clip_256", BASE, 32, 256],
		["vit_base_patch32_clip_384", BASE, 32, 384],
		["vit_base_patch32_clip_448", BASE, 32, 448],
		["vit_base_patch16_clip_224", BASE, 16, 224],
		["vit_base_patch16_clip_384", BASE, 16, 384],
		["vit_base_patch16_plus_clip_240", BASE_PLUS, 16, 240],
		["vit_large_patch14_clip_224", LARGE, 14, 224],
		["vit_large_patch14_clip_336", LARGE, 14, 336],
		["vit_huge_patch14_clip_224", HUGE, 14, 224],
		["vit_huge_patch14_clip_336", HUGE, 14, 336],
		["vit_huge_patch14_clip_378", HUGE, 14, 378],
		["vit_giant_patch14_clip_224", GIANT, 14, 224],
		["vit_gigantic_patch14_clip_224", GIGANTIC, 14, 224],
		["vit_gigantic_patch14_clip_378", GIGANTIC, 14, 378],
	]),
	...vits({ quickGelu: true }, [
		["vit_base_patch32_clip_quickgelu_224", BASE, 32, 224],
		["vit_base_patch16_clip_quickgelu_224", BASE, 16, 224],
		["vit_large_patch14_clip_quickgelu_224", LARGE, 14, 224],
		["vit_large_patch14_clip_quickgelu_336", LARGE, 14, 336],
		["vit_huge_patch14_clip_quickgelu_224", HUGE, 14, 224],
		["vit_huge_patch14_clip_quickgelu_378", HUGE, 14, 378],
		["vit_gigantic_patch14_clip_quickgelu_224", GIGANTIC, 14, 224],
	]),
];

/** The model whose arguments are overridden if timm has no name for a trunk. */
export const ANY_TIMM_VIT: TimmVit = {
	name: "vit_base_patch32_clip_224",
	trunk: BASE,
	patchSize: 32,
	imageSize: 224,
	quickGelu: false,
};

/** The size of a CLIP ResNet of timm's. */
export type TimmResNet = Pick<ResNetVision, "layers" | "width" | "imageSize">;

/** timm's CLIP ResNets; no argument changes their size but the image's. Source: timm/models/byobnet.py @ aa4b5850. */
export const TIMM_RESNETS = {
	resnet50_clip: { layers: [3, 4, 6, 3], width: 64, imageSize: 224 },
	resnet101_clip: { layers: [3, 4, 23, 3], width: 64, imageSize: 224 },
	resnet50x4_clip: { layers: [4, 6, 10, 6], width: 80, imageSize: 288 },
	resnet50x16_clip: { layers: [6, 8, 18, 8], width: 96, imageSize: 384 },
	resnet50x64_clip: { layers: [3, 15, 36, 10], width: 128, imageSize: 448 },
} as const satisfies Record<string, TimmResNet>;

/** Width of a head of their attention pool. Source: timm/layers/attention_pool2d.py @ aa4b5850. */
export const TIMM_POOL_HEAD_WIDTH = 64;

/** Hidden width of the head of `convnext_large_mlp`. Source: timm/models/convnext.py @ aa4b5850. */
export const TIMM_MLP_HEAD_WIDTHS: Readonly<Record<string, number>> = { convnext_large_mlp: 1536 };

type Row = readonly [name: string, trunk: VitTrunk, patchSize: number, imageSize: number];

function vits({ quickGelu }: { readonly quickGelu: boolean }, rows: readonly Row[]): readonly TimmVit[] {
	return rows.map(([name, trunk, patchSize, imageSize]) => ({ name, trunk, patchSize, imageSize, quickGelu }));
}
