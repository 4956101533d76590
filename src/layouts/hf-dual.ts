import type { LINEAR_HEAD, MLP_HEAD } from "./canonical.ts";
import { HF_JOINT, HF_TEXT, hfTextVariant, POSITION_IDS } from "./hf-clip.ts";
import type { Layout } from "./layout.ts";
import { compileRules, type NameTable, refused } from "./rule.ts";
import { template } from "./template.ts";
import { TIMM_TRUNK } from "./timm.ts";

/** Prefix of a timm tower: the model's member `vision_model` is a TimmWrapperModel, whose `timm_model` is timm's. */
const TIMM_PREFIX = "vision_model.timm_model.";

const NO_BIAS = refused("transformers' visual projection has no bias");

/** The wrapper leaves timm's classifier out; the model's own projection takes its place. */
const LINEAR_HEAD_NAMES = {
	"proj.weight": "visual_projection.weight",
	"proj.bias": NO_BIAS,
} as const satisfies NameTable<typeof LINEAR_HEAD>;

const MLP_HEAD_NAMES = {
	"mlp.fc1.{x}": `${TIMM_PREFIX}head.pre_logits.fc.{x}`,
	"mlp.fc2.weight": "visual_projection.weight",
	"mlp.fc2.bias": NO_BIAS,
} as const satisfies NameTable<typeof MLP_HEAD>;

const [TRUNK_NAMES, TRUNK_PREFIXES] = TIMM_TRUNK;
const TRUNK = [TRUNK_NAMES, { ...TRUNK_PREFIXES, stored: TIMM_PREFIX }] as const;

/**
 * transformers' `VisionTextDualEncoderModel` around a timm ConvNeXt and a CLIP text tower.
 *
 * Only transformers 5 runs its text tower, so the names are those that 5 writes, and not the older ones with
 * `text_model.` twice, which it reads as well. Source: transformers 5.18, models/vision_text_dual_encoder.
 */
export const HF_DUAL: Layout = {
	id: "hf-dual",
	family: "hf",
	title: "Hugging Face VisionTextDualEncoderModel",
	tables: [
		{
			tower: "image",
			title: "ConvNeXt with a linear head",
			...compileRules(TRUNK, [LINEAR_HEAD_NAMES, { canonical: "visual.head." }]),
			writes: ({ vision }) => vision?.family === "convnext" && vision.head === "linear",
			zeros: [],
		},
		{
			tower: "image",
			title: "ConvNeXt with an mlp head",
			...compileRules(TRUNK, [MLP_HEAD_NAMES, { canonical: "visual.head." }]),
			writes: ({ vision }) => vision?.family === "convnext" && vision.head === "mlp",
			zeros: [],
		},
		HF_TEXT,
		hfTextVariant("text tower of transformers 4", "text_model.text_model."),
		HF_JOINT,
	],
	ignored: [POSITION_IDS],
	strangers: [
		{ name: template("vision_model.encoder.stages.{rest}"), reason: "its image tower is a native ConvNextModel" },
	],
};
