import { describe, expect, it } from "vitest";
import type { Architecture } from "../../src/architectures/architecture.ts";
import type { CanonicalTensor } from "../../src/layouts/assemble.ts";
import type { GraphTower } from "../../src/onnx/clip.ts";
import { featuresOf, type Given, largestError, openClipOf, openModel, readExpected } from "./systems.ts";

/** A way to compute something else with the same tensors, as a wrong config or a wrong rename would. */
interface Fault {
	readonly name: string;
	readonly system: string;
	readonly tower: GraphTower;
	/** Another form of the system than OpenCLIP's. */
	readonly given?: Given;
	readonly architecture?: (architecture: Architecture) => Architecture;
	readonly tensor?: Change;
}

/** A tensor that is read otherwise than it is stored. */
type Change = (tensor: CanonicalTensor, all: readonly CanonicalTensor[]) => CanonicalTensor;

const HF: Given = { path: "fixtures/layouts/vit-f16/hf", options: {} };
const BLOCK = "transformer.resblocks.0";

// biome-ignore format: a table
const FAULTS: readonly Fault[] = [
	{ name: "QuickGELU for GELU", system: "vit", tower: "image", architecture: flipGelu },
	{ name: "QuickGELU for GELU", system: "vit", tower: "text", architecture: flipGelu },
	{ name: "GELU for QuickGELU", system: "vit-quickgelu", tower: "image", architecture: flipGelu },
	{ name: "GELU for QuickGELU", system: "vit-quickgelu", tower: "text", architecture: flipGelu },
	{ name: "half the heads", system: "vit", tower: "text", architecture: (one) => withText(one, { heads: 2 }) },
	{ name: "one head", system: "vit", tower: "image", architecture: (one) => withHeads(one, 1) },
	{ name: "half the heads", system: "resnet", tower: "image", architecture: (one) => withHeads(one, 2) },
	{ name: "eps 1e-3", system: "vit", tower: "text", architecture: (one) => withText(one, { eps: 1e-3 }) },
	{ name: "eps 1e-3", system: "vit", tower: "image", architecture: (one) => withEps(one, 1e-3) },
	{ name: "eps 1e-6 for 1e-5", system: "digits-soup", tower: "image", architecture: (one) => withEps(one, 1e-6) },
	{ name: "eps 1e-5 for 1e-6", system: "convnext-mlp", tower: "image", architecture: (one) => withEps(one, 1e-5) },
	{ name: "a square projection transposed", system: "vit", tower: "text", tensor: transposed("text_projection") },
	{ name: "q and k swapped", system: "vit-f16", tower: "text", given: HF, tensor: swapped(`${BLOCK}.attn.in_proj_weight`, 0, 1) },
	{ name: "q and k swapped", system: "vit-f16", tower: "image", given: HF, tensor: swapped(`visual.${BLOCK}.attn.in_proj_weight`, 0, 1) },
	{ name: "k and v swapped", system: "vit-f16", tower: "text", given: HF, tensor: swapped(`${BLOCK}.attn.in_proj_weight`, 1, 2) },
	{ name: "the norms of a block exchanged", system: "vit", tower: "text", tensor: exchanged(`${BLOCK}.ln_1.weight`, `${BLOCK}.ln_2.weight`) },
	{ name: "q and k exchanged", system: "resnet", tower: "image", tensor: exchanged("visual.attnpool.q_proj.weight", "visual.attnpool.k_proj.weight") },
	{ name: "running means exchanged", system: "resnet", tower: "image", tensor: exchanged("visual.bn1.running_mean", "visual.bn2.running_mean") },
	{ name: "gamma of one block in another", system: "convnext-mlp", tower: "image", tensor: exchanged("visual.trunk.stages.2.blocks.0.gamma", "visual.trunk.stages.2.blocks.1.gamma") },
];

describe("a forward pass that differs", () => {
	it.each(FAULTS)("by $name in the $tower tower of $system is not within the tolerance", async (fault) => {
		const { system, tower, given = openClipOf(system), architecture = (one) => one, tensor = (one) => one } = fault;
		await using opened = await openModel(given);
		const tensors = opened.model.tensors.map((one) => tensor(one, opened.model.tensors));
		const model = { ...opened.model, tensors };

		const found = await featuresOf({ model, architecture: architecture(opened.architecture) }, tower);

		const { values, tolerance } = await readExpected(system, `${tower}_features`);
		expect(largestError(found, values)).toBeGreaterThan(tolerance);
	});
});

function flipGelu(architecture: Architecture): Architecture {
	return { ...architecture, quickGelu: !architecture.quickGelu };
}

function withText(architecture: Architecture, change: Partial<Architecture["text"]>): Architecture {
	return { ...architecture, text: { ...architecture.text, ...change } };
}

function withHeads(architecture: Architecture, heads: number): Architecture {
	const { vision } = architecture;
	if (vision.family === "convnext") throw new Error("A ConvNeXt has no heads");
	return { ...architecture, vision: { ...vision, heads } };
}

function withEps(architecture: Architecture, eps: number): Architecture {
	const { vision } = architecture;
	if (vision.family === "resnet") throw new Error("A ResNet has no LayerNorm");
	return { ...architecture, vision: { ...vision, eps } };
}

function transposed(name: string): Change {
	return (tensor) => (tensor.name === name ? { ...tensor, isTransposed: !tensor.isTransposed } : tensor);
}

/** Two of the stored tensors that one is stacked of, in each other's place. */
function swapped(name: string, first: number, second: number): Change {
	return (tensor) => {
		const [a, b] = [tensor.sources[first], tensor.sources[second]];
		if (tensor.name !== name || a === undefined || b === undefined) return tensor;
		return { ...tensor, sources: tensor.sources.with(first, b).with(second, a) };
	};
}

/** Two tensors of one shape, each with the other's bytes. */
function exchanged(first: string, second: string): Change {
	return (tensor, all) => {
		const other = tensor.name === first ? second : tensor.name === second ? first : undefined;
		const sources = all.find(({ name }) => name === other)?.sources;
		return sources === undefined ? tensor : { ...tensor, sources };
	};
}
