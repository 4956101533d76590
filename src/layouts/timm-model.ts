import type { ImageArchitecture } from "../architectures/architecture.ts";
import type { ConvNextVision } from "../architectures/convnext.ts";
import { featuresOf, type ResNetVision } from "../architectures/resnet.ts";
import { equalStages } from "../architectures/stages.ts";
import { timmConvNext } from "../architectures/timm-convnexts.ts";
import { mlpRatioOf } from "../architectures/transformer.ts";
import type { Vision } from "../architectures/vision.ts";
import type { VitVision } from "../architectures/vit.ts";
import { ClipSoupError } from "../errors.ts";
import {
	ANY_TIMM_VIT,
	TIMM_MLP_HEAD_WIDTHS,
	TIMM_POOL_HEAD_WIDTH,
	TIMM_RESNETS,
	TIMM_VIT_EPS,
	TIMM_VITS,
	type TimmVit,
	type VitTrunk,
} from "./timm-names.ts";

/** How timm builds an image tower: a registered name, and what is overridden of it. */
export interface TimmModel {
	readonly architecture: string;
	/** Empty if nothing is. */
	readonly modelArgs: Readonly<Record<string, unknown>>;
	/** Features before the projection, as timm counts them. */
	readonly featureCount: number;
	/** Features that the projection works on. */
	readonly hiddenWidth: number;
	readonly poolSize: readonly [number, number] | null;
	readonly firstConv: string;
	readonly classifier: string;
	/** Whether the tensors bind the model to one image size. */
	readonly isFixedSize: boolean;
	/** How the tokens or pixels are pooled, where timm calls it something. */
	readonly globalPool?: "token";
}

/** Hidden width of OpenCLIP's `mlp` head over `embed_dim`. Source: src/open_clip/timm_model.py @ 89fb801f. */
const HEAD_MLP_RATIO = 2;

/** Side of the image over the side of the last map, of both convolutional families. */
const STRIDE = 32;

/**
 * The timm model of an image tower.
 *
 * @throws {ClipSoupError} ERR_LAYOUT_MISMATCH for a tower that timm has no name or argument for.
 */
export function timmModel({ vision, embedDim, quickGelu }: ImageArchitecture): TimmModel {
	switch (vision.family) {
		case "vit":
			return vitModel(vision, quickGelu);
		case "convnext":
			return convNextModel(vision, embedDim);
		case "resnet":
			return resNetModel(vision);
	}
}

function vitModel(vision: VitVision, quickGelu: boolean): TimmModel {
	if (vision.eps !== TIMM_VIT_EPS) throw nameless(vision, `an epsilon of ${vision.eps}`, `${TIMM_VIT_EPS}`);
	const base = nearestVit(vision, quickGelu);
	const hasTrunk = isTrunkOf(base, vision);
	return {
		architecture: base.name,
		modelArgs: {
			...(vision.imageSize !== base.imageSize && { img_size: vision.imageSize }),
			...(vision.patchSize !== base.patchSize && { patch_size: vision.patchSize }),
			...(!hasTrunk && {
				embed_dim: vision.width,
				depth: vision.layers,
				num_heads: vision.heads,
				mlp_ratio: mlpRatioOf(vision.width, vision.mlpWidth),
			}),
			...(quickGelu && !base.quickGelu && { act_layer: "quick_gelu" }),
		},
		featureCount: vision.width,
		hiddenWidth: vision.width,
		poolSize: null,
		firstConv: "patch_embed.proj",
		classifier: "head",
		isFixedSize: true,
		globalPool: "token",
	};
}

/** The model with most in common, a trunk above all: one that has an activation of its own only if it is that. */
function nearestVit(vision: VitVision, quickGelu: boolean): TimmVit {
	const score = (one: TimmVit) =>
		[one.quickGelu === quickGelu, one.patchSize === vision.patchSize, one.imageSize === vision.imageSize].reduce(
			(sum, isEqual) => 2 * sum + Number(isEqual),
			0,
		);
	const [best] = TIMM_VITS.filter((one) => isTrunkOf(one, vision) && (quickGelu || !one.quickGelu)).sort(
		(a, b) => score(b) - score(a),
	);
	return best ?? ANY_TIMM_VIT;
}

function isTrunkOf({ trunk }: TimmVit, vision: VitTrunk): boolean {
	return (
		trunk.width === vision.width &&
		trunk.layers === vision.layers &&
		trunk.heads === vision.heads &&
		trunk.mlpWidth === vision.mlpWidth
	);
}

function convNextModel(vision: ConvNextVision, embedDim: number): TimmModel {
	const registered = timmConvNext(vision.timmModelName);
	const isMlp = vision.head === "mlp";
	const architecture = (isMlp ? registered.mlpHeadName : undefined) ?? vision.timmModelName;
	const hidden = HEAD_MLP_RATIO * embedDim;
	const side = Math.floor(vision.imageSize / STRIDE);
	return {
		architecture,
		modelArgs: {
			...(!equalStages(vision.depths, registered.depths) && { depths: vision.depths }),
			...(!equalStages(vision.dims, registered.dims) && { dims: vision.dims }),
			...(isMlp && TIMM_MLP_HEAD_WIDTHS[architecture] !== hidden && { head_hidden_size: hidden }),
			...(vision.eps !== registered.eps && { norm_eps: vision.eps }),
		},
		featureCount: vision.dims[3],
		hiddenWidth: isMlp ? hidden : vision.dims[3],
		poolSize: [side, side],
		firstConv: "stem.0",
		classifier: "head.fc",
		isFixedSize: false,
	};
}

function resNetModel(vision: ResNetVision): TimmModel {
	const [name, registered] =
		Object.entries(TIMM_RESNETS).find(
			([, one]) => equalStages(one.layers, vision.layers) && one.width === vision.width,
		) ?? [];
	if (name === undefined || registered === undefined) {
		throw nameless(
			vision,
			`layers ${vision.layers.join(",")} of width ${vision.width}`,
			Object.keys(TIMM_RESNETS).join(", "),
		);
	}
	const features = featuresOf(vision.width);
	const heads = features / TIMM_POOL_HEAD_WIDTH;
	if (vision.heads !== heads) throw nameless(vision, `${vision.heads} heads`, `${heads}`);
	const side = vision.imageSize / STRIDE;
	return {
		architecture: name,
		modelArgs: vision.imageSize === registered.imageSize ? {} : { img_size: vision.imageSize },
		featureCount: features,
		hiddenWidth: features,
		poolSize: [side, side],
		firstConv: "stem.conv1.conv",
		classifier: "head.proj",
		isFixedSize: true,
		globalPool: "token",
	};
}

function nameless({ family }: Vision, found: string, expected: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_LAYOUT_MISMATCH",
		`Cannot name the image tower in timm: found ${found}, expected ${expected}`,
		{
			fix: "write the tensors without a config with --weights-only",
			details: { family, found, expected },
		},
	);
}
