import { BLOCK, BLOCKS_PREFIX, CONVNEXT_TRUNK, LINEAR_HEAD, MLP_HEAD, RESNET, TEXT, VIT } from "./canonical.ts";
import type { Layout, TowerTable } from "./layout.ts";
import { asScalar, asSingle, compileRules, type NameTable, type Prefixes, type Rules, sameNames } from "./rule.ts";
import { template } from "./template.ts";

/** Tables of names that OpenCLIP keeps, each under a prefix. */
function kept(...parts: readonly (readonly [readonly string[], string])[]): Rules {
	const tables = parts.map(([names, prefix]): readonly [NameTable, Prefixes] => [
		sameNames(names),
		{ canonical: prefix, stored: prefix },
	]);
	return compileRules(...tables);
}

/** The text tower's rules: canonical names under `prefix`. */
function textRules(prefix: string): Rules {
	return compileRules(
		[sameNames(TEXT), { stored: prefix }],
		[sameNames(BLOCK), { canonical: BLOCKS_PREFIX, stored: `${prefix}${BLOCKS_PREFIX}` }],
	);
}

/** The text tower of `CustomTextCLIP`, which no other class reads. */
export const OPENCLIP_CUSTOM_TEXT: TowerTable = {
	tower: "text",
	title: "text tower under `text.`",
	...textRules("text."),
	writes: ({ customText }) => customText,
	zeros: [],
};

/**
 * OpenCLIP: the canonical names themselves. `CustomTextCLIP` has its text tower under `text.`.
 *
 * open_clip reads a top-level text tower into either class, and one under `text.` only into `CustomTextCLIP`.
 * Source: `load_checkpoint`, src/open_clip/factory.py @ 89fb801f.
 */
export const OPENCLIP: Layout = {
	id: "openclip",
	family: "openclip",
	title: "OpenCLIP",
	tables: [
		{
			tower: "image",
			title: "ViT",
			...kept([VIT, "visual."], [BLOCK, `visual.${BLOCKS_PREFIX}`]),
			writes: ({ vision }) => vision?.family === "vit",
			zeros: [],
		},
		{
			tower: "image",
			title: "ConvNeXt with a linear head",
			...kept([CONVNEXT_TRUNK, "visual.trunk."], [LINEAR_HEAD, "visual.head."]),
			writes: ({ vision }) => vision?.family === "convnext" && vision.head === "linear",
			zeros: [],
		},
		{
			tower: "image",
			title: "ConvNeXt with an mlp head",
			...kept([CONVNEXT_TRUNK, "visual.trunk."], [MLP_HEAD, "visual.head."]),
			writes: ({ vision }) => vision?.family === "convnext" && vision.head === "mlp",
			zeros: [],
		},
		{
			tower: "image",
			title: "ResNet",
			...kept([RESNET, "visual."]),
			writes: ({ vision }) => vision?.family === "resnet",
			zeros: [],
		},
		{
			tower: "text",
			title: "text tower at top level",
			...textRules(""),
			writes: ({ customText }) => !customText,
			zeros: [],
		},
		OPENCLIP_CUSTOM_TEXT,
		{
			tower: "joint",
			title: "temperature",
			...compileRules([{ logit_scale: asScalar("logit_scale"), logit_bias: asScalar("logit_bias") }]),
			writes: ({ nonscalarLogitScale }) => !nonscalarLogitScale,
			zeros: [],
		},
		{
			tower: "joint",
			title: "temperature of shape [1]",
			...compileRules([{ logit_scale: asSingle("logit_scale"), logit_bias: asSingle("logit_bias") }]),
			writes: ({ nonscalarLogitScale }) => nonscalarLogitScale,
			zeros: [],
		},
	],
	// The mask is computed from the context length; the three numbers are buffers of OpenAI's TorchScript archives.
	ignored: ["attn_mask", "text.attn_mask", "input_resolution", "context_length", "vocab_size"].map(template),
	strangers: [
		{ name: template("visual.trunk.blocks.{rest}"), reason: "its image tower is a timm ViT inside of OpenCLIP" },
		{ name: template("visual.trunk.layers.{rest}"), reason: "its image tower is another timm model" },
		{ name: template("visual.attn_pool.{rest}"), reason: "it pools by attention, as CoCa does" },
		{ name: template("text_decoder.{rest}"), reason: "it is a CoCa with a text decoder" },
		{ name: template("text.transformer.encoder.{rest}"), reason: "its text tower is a transformers model" },
		{ name: template("text.transformer.embeddings.{rest}"), reason: "its text tower is a transformers model" },
		{ name: template("visual.transformer.resblocks.{i}.ls_1.gamma"), reason: "its blocks have layer scales" },
	],
};
