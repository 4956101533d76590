import * as z from "zod";
import {
	HEAD_WIDTH,
	inertTimmFields,
	inertVitFields,
	positiveInteger,
	sharedVisionFields,
	stageBlocks,
} from "./config-fields.ts";
import { featuresOf, RESNET_STRIDE, type ResNetVision } from "./resnet.ts";

/** `vision_cfg` of a modified ResNet → `ResNetVision`. */
export const resNetSchema = z
	.strictObject(
		{
			...sharedVisionFields,
			...inertVitFields,
			...inertTimmFields,
			layers: stageBlocks,
			width: positiveInteger.default(768),
			head_width: positiveInteger.default(HEAD_WIDTH),
		},
		{ error: "an object" },
	)
	.refine(({ width, head_width }) => featuresOf(width) % headsOf(width, head_width) === 0, {
		error: "a head width with which the last stage divides into equal heads",
		path: ["head_width"],
	})
	.refine(({ image_size }) => image_size % RESNET_STRIDE === 0, {
		error: `a multiple of ${RESNET_STRIDE}`,
		path: ["image_size"],
	})
	.transform(
		(config): ResNetVision => ({
			family: "resnet",
			imageSize: config.image_size,
			layers: config.layers,
			width: config.width,
			heads: headsOf(config.width, config.head_width),
		}),
	);

/** `vision_cfg` of a modified ResNet. */
export type ResNetConfig = z.input<typeof resNetSchema>;

/** The shortest `vision_cfg` of a ResNet. */
export function resNetConfig({ imageSize, layers, width, heads }: ResNetVision): ResNetConfig {
	return {
		image_size: imageSize,
		layers: [...layers],
		width,
		...(headsOf(width, HEAD_WIDTH) !== heads && { head_width: featuresOf(width) / heads }),
		patch_size: null,
	};
}

function headsOf(width: number, headWidth: number): number {
	return Math.floor(featuresOf(width) / headWidth);
}
