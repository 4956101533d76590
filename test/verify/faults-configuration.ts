import { alone, type Chapter, lockOf } from "./fault.ts";
import { json } from "./plant.ts";

const OPENCLIP = "open_clip_config.json";

/** What is wrong with the files that tell of a model what its tensors do not. */
export const CONFIGURATIONS: Chapter = {
	title: "Configuration",
	faults: [
		{
			fault: "quick_gelu in OpenCLIP's configuration",
			model: "vit",
			told: lockOf("vit"),
			plant: json(OPENCLIP, ({ model_cfg: config }) => {
				config.quick_gelu = true;
			}),
			check: "CS012",
			says: "quick_gelu mix-up",
		},
		{
			fault: "quick_gelu lost from OpenCLIP's configuration, by the features of the lock",
			model: "quick",
			told: lockOf("quick"),
			plant: json(OPENCLIP, ({ model_cfg: config }) => {
				delete config.quick_gelu;
			}),
			check: "CS011",
			says: "quick_gelu mix-up: computed with quick_gelu false",
		},
		{
			fault: "quick_gelu lost from the Hugging Face configuration",
			model: "quick-hf",
			told: lockOf("quick"),
			plant: json("config.json", (config) => {
				config.text_config.hidden_act = "gelu";
				config.vision_config.hidden_act = "gelu";
			}),
			check: "CS012",
			says: "quick_gelu mix-up",
		},
		{
			fault: "quick_gelu in one tower of the Hugging Face configuration only",
			model: "quick-hf",
			told: alone,
			plant: json("config.json", (config) => {
				config.text_config.hidden_act = "gelu";
			}),
			check: "CS012",
			says: "quickGelu",
		},
		{
			fault: "act_layer lost from timm's model_args",
			model: "quick-timm",
			told: lockOf("quick"),
			plant: json("config.json", ({ model_args: args }) => {
				delete args.act_layer;
			}),
			check: "CS012",
			says: "quick_gelu mix-up",
		},
		{
			fault: "heads of the image tower",
			model: "vit",
			told: lockOf("vit"),
			plant: json(OPENCLIP, ({ model_cfg: { vision_cfg: vision } }) => {
				vision.head_width = 15;
			}),
			check: "CS012",
			says: "wrong head count",
		},
		{
			fault: "heads of the text tower, by the features of the lock",
			model: "vit",
			told: lockOf("vit"),
			plant: json(OPENCLIP, ({ model_cfg: { text_cfg: text } }) => {
				text.heads = 3;
			}),
			check: "CS011",
			says: "the text features",
		},
		{
			fault: "heads in timm's model_args",
			model: "vit-timm",
			told: lockOf("vit"),
			plant: json("config.json", ({ model_args: args }) => {
				args.num_heads = 12;
			}),
			check: "CS012",
			says: "wrong head count",
		},
		{
			fault: "eps in the Hugging Face configuration",
			model: "vit-hf",
			told: lockOf("vit"),
			plant: json("config.json", (config) => {
				config.text_config.layer_norm_eps = 1e-6;
			}),
			check: "CS012",
			says: "wrong eps",
		},
		{
			fault: "mean and std exchanged",
			model: "vit",
			told: lockOf("vit"),
			plant: json(OPENCLIP, ({ preprocess_cfg: preprocess }) => {
				[preprocess.mean, preprocess.std] = [preprocess.std, preprocess.mean];
			}),
			check: "CS011",
			says: "mean and std are swapped",
		},
		{
			fault: "mean and std of BGR",
			model: "vit-timm",
			told: lockOf("vit"),
			plant: json("config.json", ({ pretrained_cfg: config }) => {
				config.mean.reverse();
				config.std.reverse();
			}),
			check: "CS011",
			says: "channel order: mean and std are those of BGR",
		},
		{
			fault: "mean and std of ImageNet's inception form",
			model: "vit-hf",
			told: lockOf("vit"),
			plant: json("preprocessor_config.json", (config) => {
				config.image_mean = [0.5, 0.5, 0.5];
				config.image_std = [0.5, 0.5, 0.5];
			}),
			check: "CS012",
			says: "wrong normalisation of pictures",
		},
		{
			fault: "bilinear for bicubic",
			model: "vit",
			told: lockOf("vit"),
			plant: json(OPENCLIP, ({ preprocess_cfg: preprocess }) => {
				preprocess.interpolation = "bilinear";
			}),
			check: "CS012",
			says: "wrong preprocessing of pictures",
		},
		{
			fault: "a layer count that the tensors contradict",
			model: "vit",
			told: alone,
			plant: json(OPENCLIP, ({ model_cfg: { vision_cfg: vision } }) => {
				vision.layers = 3;
			}),
			check: "CS012",
			says: "vision.layers",
		},
		{
			fault: "a vocabulary that the tensors contradict",
			model: "vit",
			told: alone,
			plant: json(OPENCLIP, ({ model_cfg: { text_cfg: text } }) => {
				text.vocab_size = 49_408;
			}),
			check: "CS012",
			says: "text.vocabularySize",
		},
	],
};
