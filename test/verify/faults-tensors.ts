import { alone, type Chapter, lockOf } from "./fault.ts";
import { bytesOf, parts, recast, tensors, transposed, valuesOf } from "./plant.ts";

const BLOCK = "transformer.resblocks.0";

/** What is wrong with one tensor, or with which there are. */
export const TENSORS: Chapter = {
	title: "Tensors",
	faults: [
		{
			fault: "one bit of one element",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf("visual.conv1.weight", (bytes) => bytes.writeUInt8(bytes.readUInt8(17) ^ 64, 17)),
			check: "CS005",
			says: '"visual.conv1.weight" has other bytes than in the lock',
			tensor: "visual.conv1.weight",
		},
		{
			fault: "one element, by one ulp",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf("ln_final.weight", (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(20) + 1, 20)),
			check: "CS005",
			says: '"ln_final.weight" has other bytes',
			tensor: "ln_final.weight",
		},
		{
			fault: "q and k exchanged in the fused matrix",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf(`visual.${BLOCK}.attn.in_proj_weight`, (bytes) => {
				const [q, k, v] = parts(bytes, 3);
				return Buffer.concat([k, q, v].flatMap((part) => part ?? []));
			}),
			check: "CS005",
			says: "rows in the order k, q, v and not q, k, v",
			tensor: `visual.${BLOCK}.attn.in_proj_weight`,
		},
		{
			fault: "q and k exchanged in the Hugging Face file",
			model: "vit-hf",
			told: lockOf("vit"),
			plant: tensors((all) => {
				const [q, k] = ["q", "k"].map((one) => `text_model.encoder.layers.0.self_attn.${one}_proj.weight`);
				const [ofQ, ofK] = [all.get(q ?? ""), all.get(k ?? "")];
				if (q && k && ofQ && ofK) all.set(q, ofK).set(k, ofQ);
			}),
			check: "CS005",
			says: "rows in the order k, q, v and not q, k, v",
			tensor: "text_model.encoder.layers.0.self_attn.q_proj.weight",
		},
		{
			fault: "rows in reverse order",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf(`${BLOCK}.mlp.c_fc.weight`, (bytes) => Buffer.concat(parts(bytes, 192).reverse())),
			check: "CS005",
			says: "rows in reverse order",
			tensor: `${BLOCK}.mlp.c_fc.weight`,
		},
		{
			fault: "positional embedding off by one",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf("visual.positional_embedding", (bytes) => {
				const [first, ...others] = parts(bytes, 17);
				return Buffer.concat([...others, first].flatMap((part) => part ?? []));
			}),
			check: "CS005",
			says: "every row is one place too early",
			tensor: "visual.positional_embedding",
		},
		{
			fault: "a bias dropped: all its elements are 0",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf(`visual.${BLOCK}.mlp.c_fc.bias`, (bytes) => bytes.fill(0)),
			check: "CS005",
			says: "every element is 0: dropped, or never written",
			tensor: `visual.${BLOCK}.mlp.c_fc.bias`,
			elements: [0, 260],
		},
		{
			fault: "a bias dropped, by the statistics",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf(`visual.${BLOCK}.mlp.c_fc.bias`, (bytes) => bytes.fill(0)),
			check: "CS007",
			level: "warning",
			says: "is 0",
			tensor: `visual.${BLOCK}.mlp.c_fc.bias`,
		},
		{
			fault: "a square projection transposed",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf("text_projection", (bytes) => transposed(bytes, 48)),
			check: "CS005",
			says: "transposed",
			tensor: "text_projection",
		},
		{
			fault: "a projection that is not square, transposed",
			model: "vit",
			told: lockOf("vit"),
			plant: tensors((all) => {
				const { bytes } = all.get("visual.proj") ?? {};
				all.set("visual.proj", { dtype: "F32", shape: [48, 60], bytes: transposed(Buffer.from(bytes ?? []), 48) });
			}),
			check: "CS004",
			says: "transposed",
			tensor: "visual.proj",
		},
		{
			fault: "one tensor's bytes in another",
			model: "vit",
			told: lockOf("vit"),
			plant: tensors((all) => {
				const norm = all.get(`${BLOCK}.ln_2.weight`);
				if (norm) all.set(`${BLOCK}.ln_1.weight`, norm);
			}),
			check: "CS005",
			says: `holds the bytes of "${BLOCK}.ln_2.weight"`,
			tensor: `${BLOCK}.ln_1.weight`,
		},
		{
			fault: "a download that was cut off, padded with zeros",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf("token_embedding.weight", (bytes) => bytes.fill(0, 80_000)),
			check: "CS005",
			says: "zeros up to the end: a download that was cut off",
			tensor: "token_embedding.weight",
			elements: [20_000, 28_799],
		},
		{
			fault: "bytes of every element in reverse order",
			model: "vit",
			told: lockOf("vit"),
			plant: bytesOf("ln_final.bias", (bytes) => Buffer.from(bytes).swap32()),
			check: "CS005",
			says: "bytes of every element in reverse order",
			tensor: "ln_final.bias",
		},
		{
			fault: "the temperature exponentiated",
			model: "vit",
			told: lockOf("vit"),
			plant: valuesOf("logit_scale", { 0: Math.exp }),
			check: "CS005",
			says: "exponentiated",
			tensor: "logit_scale",
			elements: [0, 0],
		},
		{
			fault: "NaN in one element",
			model: "vit",
			told: alone,
			plant: valuesOf("visual.ln_post.bias", { 7: () => Number.NaN }),
			check: "CS006",
			says: '"visual.ln_post.bias" holds 1 NaN',
			tensor: "visual.ln_post.bias",
			elements: [7, 7],
		},
		{
			fault: "Inf in two elements",
			model: "vit",
			told: alone,
			plant: valuesOf("text_projection", { 100: () => Number.POSITIVE_INFINITY, 2303: () => Number.NEGATIVE_INFINITY }),
			check: "CS006",
			says: '"text_projection" holds 2 Inf',
			tensor: "text_projection",
			elements: [100, 2303],
		},
		{
			fault: "a value of 3e7",
			model: "vit",
			told: lockOf("vit"),
			plant: valuesOf("visual.conv1.weight", { 0: () => 3e7 }),
			check: "CS007",
			level: "warning",
			says: "has a value of magnitude 30000000",
			tensor: "visual.conv1.weight",
		},
		{
			fault: "a tensor renamed",
			model: "vit",
			told: lockOf("vit"),
			plant: tensors((all) => {
				const tensor = all.get("ln_final.weight");
				all.delete("ln_final.weight");
				if (tensor) all.set("ln_final.gamma", tensor);
			}),
			check: "CS003",
			says: "renamed",
			tensor: "ln_final.gamma",
		},
		{
			fault: "a tensor missing",
			model: "vit",
			told: alone,
			plant: tensors((all) => all.delete(`visual.${BLOCK}.ln_2.bias`)),
			check: "CS003",
			says: `visual.${BLOCK}.ln_2.bias`,
			tensor: `visual.${BLOCK}.ln_2.bias`,
		},
		{
			fault: "a tensor missing from the Hugging Face file",
			model: "vit-hf",
			told: alone,
			plant: tensors((all) => all.delete("vision_model.encoder.layers.1.self_attn.k_proj.bias")),
			check: "CS003",
			says: "expected all of its parts",
			tensor: "vision_model.encoder.layers.1.self_attn.k_proj.bias",
		},
		{
			fault: "a tensor too many",
			model: "vit",
			told: alone,
			plant: tensors((all) => all.set("visual.ln_extra.weight", { dtype: "F32", shape: [3], values: [1, 2, 3] })),
			check: "CS003",
			says: "visual.ln_extra.weight",
			tensor: "visual.ln_extra.weight",
		},
		{
			fault: "no text tower",
			model: "vit",
			told: alone,
			plant: tensors((all) => {
				for (const name of all.keys()) if (!name.startsWith("visual.") && name !== "logit_scale") all.delete(name);
			}),
			check: "CS003",
			says: "found no text tower, expected one",
		},
		{
			fault: "the text tower under text., where the configuration has it at the top",
			model: "vit",
			told: alone,
			plant: tensors((all) => {
				for (const [name, tensor] of [...all]) {
					if (name.startsWith("visual.") || name === "logit_scale") continue;
					all.delete(name);
					all.set(`text.${name}`, tensor);
				}
			}),
			check: "CS012",
			says: "only if custom_text is true",
		},
		{
			fault: "one tensor in F16",
			model: "vit",
			told: lockOf("vit"),
			plant: tensors((all) => {
				const tensor = all.get("visual.proj");
				if (tensor) all.set("visual.proj", recast(tensor, "F16"));
			}),
			check: "CS004",
			says: '"visual.proj" is F16, expected F32',
			tensor: "visual.proj",
		},
		{
			fault: "all tensors in BF16",
			model: "vit",
			told: lockOf("vit"),
			plant: tensors((all) => {
				for (const [name, tensor] of [...all]) all.set(name, recast(tensor, "BF16"));
			}),
			check: "CS004",
			says: "converted from F32 to BF16",
		},
		{
			fault: "a shape that is too short",
			model: "vit",
			told: alone,
			plant: tensors((all) => all.set("ln_final.bias", { dtype: "F32", shape: [47], values: [] })),
			check: "CS004",
			says: "ln_final.bias",
			tensor: "ln_final.bias",
		},
		{
			fault: "a positional embedding for another picture size",
			model: "vit",
			told: lockOf("vit"),
			plant: tensors((all) => all.set("visual.positional_embedding", { dtype: "F32", shape: [10, 60], values: [] })),
			check: "CS012",
			says: "imageSize",
		},
		{
			fault: "a trained bias in timm's head, which no CLIP projection has",
			model: "vit-timm",
			told: lockOf("vit"),
			plant: valuesOf("head.bias", { 5: () => 0.25 }),
			check: "CS005",
			says: "a head that was fine-tuned",
			tensor: "head.bias",
		},
		{
			fault: "the same, without a lock",
			model: "vit-timm",
			told: alone,
			plant: valuesOf("head.bias", { 5: () => 0.25 }),
			check: "CS004",
			says: 'found an element of "head.bias" that is not 0',
			tensor: "head.bias",
		},
	],
};
