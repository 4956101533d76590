import { type Chapter, soupOf, type Told } from "./fault.ts";
import { bytesOf, remix, tensors, valuesOf } from "./plant.ts";

const TWO = ["augreg", "rewind"] as const;
const THREE = [...TWO, "drift"] as const;
const { fround } = Math;

const recover: Told = ({ modelPath }) => ({ recover: TWO.map(modelPath), forward: false });

/** What a soup is instead of the average of its ingredients. */
export const SOUPS: Chapter = {
	title: "Soups",
	faults: [
		{
			fault: "one ingredient replaced",
			model: "soup-of-three",
			told: soupOf(...THREE),
			toldInstead: soupOf("augreg", "rewind", "vit"),
			check: "CS009",
			says: 'Ingredient 3 "openclip" is not the recipe\'s "drift"',
		},
		{
			fault: "one ingredient replaced by another of the same architecture",
			model: "soup-of-three",
			told: soupOf(...THREE),
			toldInstead: soupOf("augreg", "rewind", "soup"),
			check: "CS008",
			says: "are not the average of the ingredients",
		},
		{
			fault: "an ingredient of another architecture",
			model: "soup-of-three",
			told: soupOf(...THREE),
			toldInstead: soupOf("augreg", "rewind", "vit"),
			check: "CS008",
			says: "an ingredient of another architecture",
		},
		{
			fault: "one ingredient forgotten",
			model: "soup-of-three",
			told: soupOf(...THREE),
			toldInstead: soupOf(...TWO),
			check: "CS009",
			says: "Found 2 ingredients, expected the 3 of the recipe",
		},
		{
			fault: "one ingredient twice",
			model: "soup",
			told: soupOf(...TWO),
			toldInstead: soupOf("augreg", "augreg"),
			check: "CS009",
			level: "warning",
			says: "are equal in all tensors",
		},
		{
			fault: "weights 0.49 and 0.51 for one half",
			model: "soup",
			told: soupOf(...TWO),
			plant: remix(TWO, (a, b) => fround(0.49 * a + 0.51 * b)),
			check: "CS008",
			says: "with the weights 0.49, 0.51",
		},
		{
			fault: "ingredients in another order under unequal weights",
			model: "weighted-soup",
			told: soupOf(...TWO),
			toldInstead: soupOf("rewind", "augreg"),
			check: "CS009",
			says: "ingredients in another order",
		},
		{
			fault: "weights in another order",
			model: "weighted-soup",
			told: soupOf(...TWO),
			plant: remix(TWO, (a, b) => fround(0.7 * a + 0.3 * b)),
			check: "CS008",
			says: "ingredients or weights in another order",
		},
		{
			fault: "weights that were not used",
			model: "weighted-soup",
			told: soupOf(...TWO),
			plant: remix(TWO, (a, b) => fround((a + b) / 2)),
			check: "CS008",
			says: "the weights were not used",
		},
		{
			fault: "a running mean in float32",
			model: "soup-of-three",
			told: soupOf(...THREE),
			plant: remix(THREE, (a, b, c) => {
				const two = fround(a + fround(fround(b - a) / 2));
				return fround(two + fround(fround(c - two) / 3));
			}),
			check: "CS008",
			says: "equals the float32 running mean",
		},
		{
			fault: "sums in float32, as PyTorch makes them",
			model: "soup-of-three",
			told: soupOf(...THREE),
			plant: remix(THREE, (a, b, c) => fround(fround(fround(a + b) + c) / 3)),
			check: "CS008",
			says: "equals the float32 sum / n: made by PyTorch, probably",
		},
		{
			fault: "1/3 rounded before it is multiplied",
			model: "soup-of-three",
			told: soupOf(...THREE),
			plant: remix(THREE, (a, b, c) => fround(a * (1 / 3) + b * (1 / 3) + c * (1 / 3))),
			check: "CS008",
			says: "equals the float64 Σ w·x with w = weight / n",
		},
		{
			fault: "the sum in the place of the mean",
			model: "soup",
			told: soupOf(...TWO),
			plant: remix(TWO, (a, b) => fround(a + b)),
			check: "CS008",
			says: "the sum, not the mean",
		},
		{
			fault: "rounded twice on the way to F16",
			model: "f16-soup",
			told: soupOf(...THREE),
			plant: remix(THREE, (a, b, c) => fround((a + b + c) / 3), "F16"),
			check: "CS008",
			says: "rounded twice",
		},
		{
			fault: "one tensor copied from an ingredient",
			model: "soup",
			told: soupOf(...TWO),
			plant: async (folder, stage) => {
				const { readSafetensors } = await import("../cli/read-safetensors.ts");
				const read = await readSafetensors(`${stage.modelPath("rewind")}/open_clip_model.safetensors`);
				await bytesOf("visual.head.proj.weight", () => read.tensors.get("visual.head.proj.weight")?.bytes)(
					folder,
					stage,
				);
			},
			check: "CS008",
			says: 'equals ingredient 2 "rewind": a copy of ingredient 2',
			tensor: "visual.head.proj.weight",
		},
		{
			fault: "one element, by one ulp",
			model: "soup",
			told: soupOf(...TWO),
			plant: bytesOf("ln_final.weight", (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(20) + 1, 20)),
			check: "CS008",
			says: "1 of 64 elements are not the average of the ingredients",
			tensor: "ln_final.weight",
			elements: [5, 5],
		},
		{
			fault: "the temperature averaged after exp",
			model: "soup",
			told: soupOf(...TWO),
			plant: async (folder, stage) => {
				const { readSafetensors } = await import("../cli/read-safetensors.ts");
				const scales = await Promise.all(
					TWO.map(async (one) => {
						const { tensors: read } = await readSafetensors(`${stage.modelPath(one)}/open_clip_model.safetensors`);
						return Math.exp(read.get("logit_scale")?.bytes.readFloatLE() ?? 0);
					}),
				);
				const mean = Math.log(scales.reduce((sum, scale) => sum + scale, 0) / 2);
				await valuesOf("logit_scale", { 0: () => mean })(folder, stage);
			},
			check: "CS008",
			says: "averaged after exp",
			tensor: "logit_scale",
			elements: [0, 0],
		},
		{
			fault: "a tensor that the ingredients have is missing",
			model: "soup",
			told: soupOf(...TWO),
			plant: tensors((all) => all.delete("visual.trunk.stages.0.blocks.0.gamma")),
			check: "CS008",
			says: "the ingredients have it, the soup does not",
			tensor: "visual.trunk.stages.0.blocks.0.gamma",
		},
		{
			fault: "recover: one tensor that is no mixture",
			model: "soup",
			told: recover,
			plant: bytesOf("text_projection", (bytes) => bytes.reverse()),
			check: "CS008",
			says: '"text_projection" is no mixture of the ingredients',
			tensor: "text_projection",
		},
		{
			fault: "recover: one tensor of one ingredient",
			model: "soup",
			told: recover,
			plant: async (folder, stage) => {
				const { readSafetensors } = await import("../cli/read-safetensors.ts");
				const read = await readSafetensors(`${stage.modelPath("augreg")}/open_clip_model.safetensors`);
				await bytesOf("text_projection", () => read.tensors.get("text_projection")?.bytes)(folder, stage);
			},
			check: "CS008",
			level: "warning",
			says: "which is that of ingredient 1",
			tensor: "text_projection",
		},
	],
};
