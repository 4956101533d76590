import * as z from "zod";
import { featuresOf } from "../architectures/resnet.ts";
import {
	isTimmConvNextName,
	TIMM_CONVNEXTS,
	type TimmConvNextName,
	timmConvNext,
} from "../architectures/timm-convnexts.ts";
import { mlpRatioOf, mlpWidthOf } from "../architectures/transformer.ts";
import { fieldFault, oneOf, parseConfig, positiveInteger, positiveNumber, squareSide } from "./config-fields.ts";
import type { PartialModel } from "./facts.ts";
import {
	TIMM_POOL_HEAD_WIDTH,
	TIMM_RESNETS,
	TIMM_VIT_EPS,
	TIMM_VITS,
	type TimmResNet,
	type TimmVit,
} from "./timm-names.ts";

const stages = z.tuple([positiveInteger, positiveInteger, positiveInteger, positiveInteger], {
	error: "a list of 4 positive integers",
});

/** Arguments that act in training only, or repeat what is fixed. */
const inertArgs = {
	drop_rate: z.unknown(),
	drop_path_rate: z.unknown(),
	in_chans: oneOf(3),
	num_classes: z.unknown(),
} as const;

const vitArgs = z
	.strictObject(
		{
			...inertArgs,
			img_size: squareSide,
			patch_size: positiveInteger,
			embed_dim: positiveInteger,
			depth: positiveInteger,
			num_heads: positiveInteger,
			mlp_ratio: positiveNumber,
			act_layer: oneOf("gelu", "quick_gelu"),
			global_pool: oneOf("token"),
		},
		{ error: "an object" },
	)
	.partial();

const convNextArgs = z
	.strictObject(
		{
			...inertArgs,
			depths: stages,
			dims: stages,
			head_hidden_size: positiveInteger,
			norm_eps: positiveNumber,
			ls_init_value: positiveNumber,
			global_pool: oneOf("avg"),
		},
		{ error: "an object" },
	)
	.partial();

const resNetArgs = z.strictObject({ ...inertArgs, img_size: squareSide }, { error: "an object" }).partial();

/** A timm model as a config names it. */
export interface NamedTimmModel {
	readonly architecture: string;
	readonly modelArgs: unknown;
	/** The image's side where neither name nor arguments bind it. */
	readonly inputSize?: number | undefined;
}

/**
 * What a timm model's name and arguments tell of an image tower.
 *
 * @throws {ClipSoupError} ERR_CONFIG_INVALID for a model or an argument that is no known CLIP tower's.
 */
export function timmFacts({ architecture, modelArgs, inputSize }: NamedTimmModel, file: string): PartialModel {
	// timm builds `name.tag` as `name`.
	const [name = ""] = architecture.split(".");
	const where = `model_args of ${file}`;
	const args = withoutNulls(modelArgs);
	const vit = TIMM_VITS.find((one) => one.name === name);
	if (vit !== undefined) return vitFacts(vit, parseConfig(vitArgs, args, where), inputSize, where);
	const resNet = Object.entries(TIMM_RESNETS).find(([one]) => one === name)?.[1];
	if (resNet !== undefined) return resNetFacts(resNet, parseConfig(resNetArgs, args, where), inputSize);
	const convNext = convNextOf(name);
	if (convNext !== undefined) return convNextFacts(convNext, parseConfig(convNextArgs, args, where), inputSize);
	throw fieldFault(file, "architecture", architecture, "a CLIP image tower of timm's");
}

/** `timm.create_model` takes arguments of null away. Source: timm/models/_factory.py @ aa4b5850. */
function withoutNulls(args: unknown): unknown {
	if (typeof args !== "object" || args === null || Array.isArray(args)) return args;
	return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null));
}

function vitFacts(
	vit: TimmVit,
	args: z.output<typeof vitArgs>,
	inputSize: number | undefined,
	file: string,
): PartialModel {
	const { trunk } = vit;
	const width = args.embed_dim ?? trunk.width;
	const heads = args.num_heads ?? trunk.heads;
	if (width % heads !== 0) throw fieldFault(file, "num_heads", heads, `a divisor of embed_dim, ${width}`);
	const ratio = args.mlp_ratio ?? mlpRatioOf(trunk.width, trunk.mlpWidth);
	return {
		root: { quickGelu: args.act_layer === undefined ? vit.quickGelu : args.act_layer === "quick_gelu" },
		vision: {
			family: "vit",
			imageSize: args.img_size ?? inputSize ?? vit.imageSize,
			patchSize: args.patch_size ?? vit.patchSize,
			width,
			layers: args.depth ?? trunk.layers,
			heads,
			mlpWidth: mlpWidthOf(width, ratio),
			eps: TIMM_VIT_EPS,
		},
	};
}

function resNetFacts(
	{ layers, width, imageSize }: TimmResNet,
	args: z.output<typeof resNetArgs>,
	inputSize: number | undefined,
): PartialModel {
	return {
		vision: {
			family: "resnet",
			imageSize: args.img_size ?? inputSize ?? imageSize,
			layers,
			width,
			heads: featuresOf(width) / TIMM_POOL_HEAD_WIDTH,
		},
	};
}

function convNextFacts(
	{ timmModelName, hasMlpHead }: NamedConvNext,
	args: z.output<typeof convNextArgs>,
	imageSize: number | undefined,
): PartialModel {
	const { depths, dims, eps } = timmConvNext(timmModelName);
	return {
		vision: {
			family: "convnext",
			timmModelName,
			imageSize,
			depths: args.depths ?? depths,
			dims: args.dims ?? dims,
			eps: args.norm_eps ?? eps,
			head: hasMlpHead || args.head_hidden_size !== undefined ? "mlp" : "linear",
		},
	};
}

interface NamedConvNext {
	readonly timmModelName: TimmConvNextName;
	readonly hasMlpHead: boolean;
}

/** The trunk that a name of timm's stands for, and whether it brings an MLP in the head. */
function convNextOf(name: string): NamedConvNext | undefined {
	if (isTimmConvNextName(name)) return { timmModelName: name, hasMlpHead: false };
	const timmModelName = Object.keys(TIMM_CONVNEXTS)
		.filter(isTimmConvNextName)
		.find((one) => timmConvNext(one).mlpHeadName === name);
	return timmModelName && { timmModelName, hasMlpHead: true };
}
