import { alone, type Chapter, sameAs } from "./fault.ts";
import { bytesOf, json, parts, tensors, transposed, valuesOf, weightsFrom } from "./plant.ts";

/** What two models that should compute the same do not, where there is no lock to say which tensor. */
export const COMPARISONS: Chapter = {
	title: "Models that should compute the same",
	faults: [
		{
			fault: "other weights",
			model: "augreg",
			told: sameAs("augreg"),
			plant: weightsFrom("rewind"),
			check: "CS010",
			says: "are not those of",
		},
		{
			fault: "quick_gelu lost on the way to Hugging Face",
			model: "quick-hf",
			told: sameAs("quick"),
			plant: json("config.json", (config) => {
				config.text_config.hidden_act = "gelu";
				config.vision_config.hidden_act = "gelu";
			}),
			check: "CS010",
			says: "quick_gelu mix-up: computed with quick_gelu false",
		},
		{
			fault: "transformers' default of 12 heads",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: json("config.json", (config) => {
				delete config.vision_config.num_attention_heads;
			}),
			check: "CS010",
			says: "vision.heads is 12",
		},
		{
			fault: "heads of the text tower",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: json("config.json", (config) => {
				config.text_config.num_attention_heads = 8;
			}),
			check: "CS010",
			says: "wrong head count",
		},
		{
			fault: "eps",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: json("config.json", (config) => {
				config.text_config.layer_norm_eps = 1e-6;
			}),
			check: "CS010",
			says: "wrong eps: the expected features are those of eps 0.00001",
		},
		{
			fault: "a square projection that was not transposed",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: bytesOf("text_projection.weight", (bytes) => transposed(bytes, 48)),
			check: "CS010",
			says: 'transposed projection: "text_projection" is stored the other way round',
		},
		{
			fault: "q and k exchanged in every block of the Hugging Face file",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: tensors((all) => {
				for (const [q, ofQ] of [...all].filter(([name]) => name.includes("q_proj"))) {
					const k = q.replace("q_proj", "k_proj");
					const ofK = all.get(k);
					if (ofK) all.set(q, ofK).set(k, ofQ);
				}
			}),
			check: "CS010",
			says: "q and k are in each other's place",
		},
		{
			fault: "positional embedding off by one",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: bytesOf("text_model.embeddings.position_embedding.weight", (bytes) => {
				const rows = parts(bytes, 77);
				return Buffer.concat([rows.at(-1), ...rows.slice(0, -1)].flatMap((part) => part ?? []));
			}),
			check: "CS010",
			says: "the text features",
		},
		{
			fault: "a bias dropped",
			model: "vit-timm",
			told: sameAs("vit"),
			plant: bytesOf("blocks.1.attn.qkv.bias", (bytes) => bytes.fill(0)),
			check: "CS010",
			says: "the image features",
		},
		{
			fault: "the temperature exponentiated",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: valuesOf("logit_scale", { 0: Math.exp }),
			check: "CS010",
			says: "logit_scale was exponentiated",
			tensor: "logit_scale",
		},
		{
			fault: "mean and std exchanged",
			model: "vit-hf",
			told: sameAs("vit"),
			plant: json("preprocessor_config.json", (config) => {
				[config.image_mean, config.image_std] = [config.image_std, config.image_mean];
			}),
			check: "CS010",
			says: "mean and std are swapped",
		},
		{
			fault: "an image tower that looks at nothing",
			model: "vit",
			told: alone,
			plant: bytesOf("visual.conv1.weight", (bytes) => bytes.fill(0)),
			check: "CS011",
			says: "the image features are the same for every input",
		},
	],
};
