import { type ConvNextVision, convNextLabel, convNextLayers } from "./convnext.ts";
import { type ConvNextConfig, convNextConfig, convNextSchema } from "./convnext-config.ts";
import type { Layer } from "./layers.ts";
import { type ResNetVision, resNetLabel, resNetLayers } from "./resnet.ts";
import { type ResNetConfig, resNetConfig, resNetSchema } from "./resnet-config.ts";
import { type VitVision, vitLabel, vitLayers } from "./vit.ts";
import { type VitConfig, vitConfig, vitSchema } from "./vit-config.ts";

/** An image tower of one of the three families, discriminated by `family`. */
export type Vision = VitVision | ConvNextVision | ResNetVision;

/** The name of a family of image towers. */
export type VisionFamily = Vision["family"];

/** `vision_cfg` of one of the three families. */
export type VisionConfig = VitConfig | ConvNextConfig | ResNetConfig;

/** Schema of each family's `vision_cfg`, which normalises it into the tower. */
export const VISION_SCHEMAS = {
	vit: vitSchema,
	convnext: convNextSchema,
	resnet: resNetSchema,
} as const satisfies Record<VisionFamily, unknown>;

/** What can be asked of an image tower, whatever its family. */
export interface VisionTower {
	/** The layers up to `embedDim` features. */
	layers(embedDim: number): readonly Layer[];
	/** The shortest `vision_cfg` that parses into this tower. */
	config(): VisionConfig;
	/** Family and size in a few words. */
	label(): string;
}

/** The one place that chooses by family. */
export function visionTower(vision: Vision): VisionTower {
	switch (vision.family) {
		case "vit":
			return {
				layers: (embedDim) => vitLayers(vision, embedDim),
				config: () => vitConfig(vision),
				label: () => vitLabel(vision),
			};
		case "convnext":
			return {
				layers: (embedDim) => convNextLayers(vision, embedDim),
				config: () => convNextConfig(vision),
				label: () => convNextLabel(vision),
			};
		case "resnet":
			return {
				layers: (embedDim) => resNetLayers(vision, embedDim),
				config: () => resNetConfig(vision),
				label: () => resNetLabel(vision),
			};
	}
}
