import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Architecture } from "../../src/architectures/architecture.ts";
import {
	architectureOf,
	type ClipModel,
	type ModelOptions,
	openModelFiles,
	readModel,
} from "../../src/checkpoint/model.ts";
import { closeAll, openCheckpoint } from "../../src/checkpoint/open.ts";
import { convert } from "../../src/convert.ts";
import { requirePreprocess } from "../../src/layouts/combine-facts.ts";
import { buildTowerGraph, type GraphTower } from "../../src/onnx/clip.ts";
import { referenceImages, referenceTokens } from "../../src/onnx/reference-inputs.ts";
import { openTower } from "../../src/onnx/session.ts";

/** A model on disk: what is given to a command. */
export interface Given {
	readonly path: string;
	readonly options: ModelOptions;
}

/** A CLIP whose features open_clip computed, in a layout. */
export interface Case {
	/** Folder of `fixtures/onnx` with its `expected.safetensors`. */
	readonly system: string;
	/** Who wrote the files: a library, or clip-soup's own `convert`. */
	readonly layout: string;
	readonly given: Given | { readonly convert: Given; readonly to: "hf" | "timm"; readonly hfDual?: boolean };
}

const at = (path: string, options: ModelOptions = {}): Given => ({ path: `fixtures/${path}`, options });
const openclip: Readonly<Record<string, Given>> = {
	vit: at("onnx/vit/openclip"),
	"vit-quickgelu": at("onnx/vit-quickgelu/openclip"),
	"vit-f16": at("layouts/vit-f16/openclip"),
	"convnext-mlp": at("layouts/convnext-mlp/openclip"),
	"digits-augreg": at("digits-clip/augreg"),
	"digits-rewind": at("digits-clip/rewind"),
	"digits-soup": at("digits-clip/soup", { archConfig: "fixtures/digits-clip/augreg/open_clip_config.json" }),
	resnet: at("onnx/resnet/openclip"),
};

/** The layouts of the libraries that lie in `fixtures/layouts`; timm's image tower goes with OpenCLIP's text tower. */
const stored: readonly Case[] = [
	{ system: "vit-f16", layout: "hf", given: at("layouts/vit-f16/hf") },
	{
		system: "vit-f16",
		layout: "timm",
		given: at("layouts/vit-f16/timm", { text: "fixtures/layouts/vit-f16/openclip" }),
	},
	{ system: "convnext-mlp", layout: "hf-dual", given: at("layouts/convnext-mlp/hf-dual") },
	{
		system: "convnext-mlp",
		layout: "timm",
		given: at("layouts/convnext-mlp/timm", { text: "fixtures/layouts/convnext-mlp/openclip" }),
	},
	{
		system: "convnext-mlp",
		layout: "timm and hf text",
		given: at("layouts/convnext-mlp/timm", {
			text: "fixtures/layouts/convnext-mlp/hf/text",
			logitScale: Math.log(1 / 0.07),
		}),
	},
];

const converted: readonly Case[] = Object.entries(openclip).flatMap(([system, given]): Case[] => {
	const config = `fixtures/onnx/${system}/openclip/open_clip_config.json`;
	// timm has no name for a ResNet of this size, so that only its weights are written.
	const archConfig = system === "resnet" ? { archConfig: config } : {};
	const source = { ...given, options: { ...given.options, ...archConfig } };
	const isConvNext = system.startsWith("digits") || system.startsWith("convnext");
	return [
		{ system, layout: "converted to hf", given: { convert: source, to: "hf" } },
		{ system, layout: "converted to timm", given: { convert: source, to: "timm" } },
		...(isConvNext
			? [{ system, layout: "converted to hf-dual", given: { convert: source, to: "hf", hfDual: true } } as const]
			: []),
	];
});

/** Every system in every layout that can hold it. */
export const CASES: readonly Case[] = [
	...Object.entries(openclip).map(([system, given]) => ({ system, layout: "openclip", given })),
	...stored,
	...converted,
];

/** The OpenCLIP form of a system. */
export function openClipOf(system: string): Given {
	const given = openclip[system];
	if (given === undefined) throw new Error(`No system "${system}"`);
	return given;
}

/** A model that is open, and what reads it. */
export interface OpenModel extends AsyncDisposable {
	readonly model: ClipModel;
	readonly architecture: Architecture;
}

/** Opens the model of a case, after its conversion. */
export async function openCase({ system, given }: Case): Promise<OpenModel> {
	if ("path" in given) return openModel(given);
	const output = await mkdtemp(join(tmpdir(), "clip-soup-test-"));
	const { convert: source, to, hfDual } = given;
	const weightsOnly = system === "resnet";
	await convert(source.path, {
		...source.options,
		to: [to],
		hfDual,
		weightsOnly,
		output: join(output, "model"),
		fsync: false,
	});
	const { archConfig } = source.options;
	const options = {
		...((weightsOnly || to === "timm") && { archConfig }),
		...(to === "timm" && { text: source.path }),
	};
	const opened = await openModel({ path: join(output, "model"), options });
	return {
		...opened,
		async [Symbol.asyncDispose]() {
			await opened[Symbol.asyncDispose]();
			await rm(output, { recursive: true });
		},
	};
}

/** Opens a model. */
export async function openModel({ path, options }: Given): Promise<OpenModel> {
	const checkpoints = await openModelFiles(path, options.text);
	const model = await readModel(path, checkpoints, options);
	return { model, architecture: architectureOf(model), [Symbol.asyncDispose]: () => closeAll(checkpoints) };
}

/** The features that ONNX Runtime computes of reference inputs: 2 images, or 3 texts. */
export async function featuresOf(
	{ model, architecture }: Pick<OpenModel, "model" | "architecture">,
	tower: GraphTower,
	count = tower === "image" ? 2 : 3,
): Promise<Float32Array> {
	await using session = await openTower(await buildTowerGraph(model, architecture, tower));
	return await session.run(inputsOf({ model, architecture }, tower, count));
}

/** Reference inputs of a tower. */
export function inputsOf(
	{ model, architecture }: Pick<OpenModel, "model" | "architecture">,
	tower: GraphTower,
	count: number,
): Float32Array | BigInt64Array {
	if (tower === "text") return referenceTokens(count, architecture.text);
	return referenceImages(count, requirePreprocess(model.knowledge));
}

/** Values that open_clip computed in float64, and how far ours may be from them. */
export interface Expected {
	readonly values: readonly number[];
	readonly tolerance: number;
}

/** Multiple of the error of open_clip's own float32: another order of the same sums. */
const FLOAT32_ERRORS = 4;

/** Share of the largest value: 17 times float32's unit roundoff, for outputs that float32 happened to hit. */
const LARGEST_SHARE = 2e-6;

/** Reads `image_features`, `text_features` or `logits_per_image` of a system. */
export async function readExpected(system: string, name: string): Promise<Expected> {
	await using file = await openCheckpoint(`fixtures/onnx/${system}/expected.safetensors`);
	const values = await valuesOf(file, name);
	const float32Error = largestError(await valuesOf(file, `${name}_torch_f32`), values);
	const largest = Math.max(...values.map(Math.abs));
	return { values, tolerance: Math.max(FLOAT32_ERRORS * float32Error, LARGEST_SHARE * largest) };
}

/** The largest distance of two lists, element by element. */
export function largestError(found: ArrayLike<number>, expected: readonly number[]): number {
	if (found.length !== expected.length) throw new Error(`${found.length} values, expected ${expected.length}`);
	return Math.max(...expected.map((value, index) => Math.abs((found[index] ?? Number.NaN) - value)));
}

async function valuesOf(file: Awaited<ReturnType<typeof openCheckpoint>>, name: string): Promise<number[]> {
	return Array.from((await file.readArray(name)).data, Number);
}
