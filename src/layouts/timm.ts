import {
	type BLOCK,
	BLOCKS_PREFIX,
	CONVNEXT_TRUNK,
	type JOINT,
	type LINEAR_HEAD,
	type MLP_HEAD,
	type RESNET,
	type VIT,
} from "./canonical.ts";
import type { Layout, TowerTable } from "./layout.ts";
import { carried, compileRules, type NameTable, sameNames, transposed, withLeadingOnes } from "./rule.ts";
import { template } from "./template.ts";

/** Source: `_convert_openai_clip`, timm/models/vision_transformer.py @ aa4b5850. */
const VIT_NAMES = {
	class_embedding: withLeadingOnes(2, "cls_token"),
	positional_embedding: withLeadingOnes(1, "pos_embed"),
	"conv1.weight": "patch_embed.proj.weight",
	"ln_pre.{x}": "norm_pre.{x}",
	"ln_post.{x}": "norm.{x}",
	proj: transposed("head.weight"),
} as const satisfies NameTable<typeof VIT>;

/** A block of the ViT: timm fuses q, k, v in the same order. */
const VIT_BLOCK_NAMES = {
	"ln_1.{x}": "norm1.{x}",
	"attn.in_proj_{x}": "attn.qkv.{x}",
	"attn.out_proj.{x}": "attn.proj.{x}",
	"ln_2.{x}": "norm2.{x}",
	"mlp.c_fc.{x}": "mlp.fc1.{x}",
	"mlp.c_proj.{x}": "mlp.fc2.{x}",
} as const satisfies NameTable<typeof BLOCK>;

/** timm drops `proj.bias` (`timm_proj_bias`) on its own way in, although it has a place for it. */
const LINEAR_HEAD_NAMES = {
	"proj.weight": "head.fc.weight",
	"proj.bias": "head.fc.bias",
} as const satisfies NameTable<typeof LINEAR_HEAD>;

const MLP_HEAD_NAMES = {
	"mlp.fc1.{x}": "head.pre_logits.fc.{x}",
	"mlp.fc2.weight": "head.fc.weight",
	"mlp.fc2.bias": "head.fc.bias",
} as const satisfies NameTable<typeof MLP_HEAD>;

/** Source: `_convert_openai_clip`, timm/models/byobnet.py @ aa4b5850. */
const RESNET_NAMES = {
	"conv1.weight": "stem.conv1.conv.weight",
	"bn1.{n}": "stem.conv1.bn.{n}",
	"conv2.weight": "stem.conv2.conv.weight",
	"bn2.{n}": "stem.conv2.bn.{n}",
	"conv3.weight": "stem.conv3.conv.weight",
	"bn3.{n}": "stem.conv3.bn.{n}",
	"layer{i+1}.{j}.conv1.weight": "stages.{i}.{j}.conv1_1x1.conv.weight",
	"layer{i+1}.{j}.bn1.{n}": "stages.{i}.{j}.conv1_1x1.bn.{n}",
	"layer{i+1}.{j}.conv2.weight": "stages.{i}.{j}.conv2_kxk.conv.weight",
	"layer{i+1}.{j}.bn2.{n}": "stages.{i}.{j}.conv2_kxk.bn.{n}",
	"layer{i+1}.{j}.conv3.weight": "stages.{i}.{j}.conv3_1x1.conv.weight",
	"layer{i+1}.{j}.bn3.{n}": "stages.{i}.{j}.conv3_1x1.bn.{n}",
	"layer{i+1}.{j}.downsample.0.weight": "stages.{i}.{j}.shortcut.conv.conv.weight",
	"layer{i+1}.{j}.downsample.1.{n}": "stages.{i}.{j}.shortcut.conv.bn.{n}",
	"attnpool.positional_embedding": "head.pos_embed",
	"attnpool.q_proj.{x}": "head.q.{x}",
	"attnpool.k_proj.{x}": "head.k.{x}",
	"attnpool.v_proj.{x}": "head.v.{x}",
	"attnpool.c_proj.{x}": "head.proj.{x}",
} as const satisfies NameTable<typeof RESNET>;

/** Both temperatures belong to the pair of towers, of which this is one. */
const JOINT_NAMES = {
	logit_scale: carried("an image tower has no temperature"),
	logit_bias: carried("an image tower has no temperature"),
} as const satisfies NameTable<typeof JOINT>;

/** The ConvNeXt trunk under `stored`, whose names are timm's already. */
export const TIMM_TRUNK = [sameNames(CONVNEXT_TRUNK), { canonical: "visual.trunk." }] as const;

const HEAD_BIAS = { name: "head.fc.bias", weight: "head.fc.weight", fact: "vision.headBias" } as const;

const IMAGE_TABLES: readonly TowerTable[] = [
	{
		tower: "image",
		title: "ViT",
		...compileRules(
			[VIT_NAMES, { canonical: "visual." }],
			[VIT_BLOCK_NAMES, { canonical: `visual.${BLOCKS_PREFIX}`, stored: "blocks.{i}." }],
		),
		writes: ({ vision }) => vision?.family === "vit",
		zeros: [{ name: "head.bias", weight: "head.weight" }],
	},
	{
		tower: "image",
		title: "ConvNeXt with a linear head",
		...compileRules(TIMM_TRUNK, [LINEAR_HEAD_NAMES, { canonical: "visual.head." }]),
		writes: ({ vision }) => vision?.family === "convnext" && vision.head === "linear",
		zeros: [HEAD_BIAS],
	},
	{
		tower: "image",
		title: "ConvNeXt with an mlp head",
		...compileRules(TIMM_TRUNK, [MLP_HEAD_NAMES, { canonical: "visual.head." }]),
		writes: ({ vision }) => vision?.family === "convnext" && vision.head === "mlp",
		zeros: [HEAD_BIAS],
	},
	{
		tower: "image",
		title: "ResNet",
		...compileRules([RESNET_NAMES, { canonical: "visual." }]),
		writes: ({ vision }) => vision?.family === "resnet",
		zeros: [],
	},
];

/** timm: the image tower alone, projection included as the classifier. */
export const TIMM: Layout = {
	id: "timm",
	family: "timm",
	title: "timm",
	tables: [
		...IMAGE_TABLES,
		{ tower: "joint", title: "temperature", ...compileRules([JOINT_NAMES]), writes: () => true, zeros: [] },
	],
	ignored: [],
	strangers: [
		{ name: template("blocks.{i}.ls1.gamma"), reason: "its blocks have layer scales" },
		{ name: template("attn_pool.{rest}"), reason: "it pools by attention" },
		{ name: template("fc_norm.{x}"), reason: "it pools by the mean of all tokens" },
	],
};
