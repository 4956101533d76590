import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

/** Low to high. A module may import its own area and any lower layer: never a sibling area, never a higher layer. */
const LAYERS: readonly (readonly string[])[] = [
	["errors.ts", "origin.ts", "schema-issue.ts", "version.ts"],
	["progress.ts", "verification.ts", "tensor"],
	["bytes", "recipe.ts", "kernels", "architectures", "reports"],
	["safetensors", "output", "merge-methods", "layouts", "signing", "tokenizer", "hub"],
	["checkpoint", "images", "features", "lock"],
	["engine", "onnx"],
	["checks", "card"],
	["publishing"],
	[
		...["avg.ts", "convert.ts", "inspect.ts", "diff.ts", "verify.ts"],
		...["embed.ts", "export-onnx.ts", "sign.ts", "card.ts", "publish.ts"],
	],
	["index.ts", "cli"],
];

/** Modules that only some areas may import: each is the one door to what it stands for. */
const DOORS: readonly { readonly module: RegExp; readonly areas: readonly string[] }[] = [
	{ module: /^node:worker_threads$/, areas: ["engine"] },
	// signing and publishing look at all that a folder holds, whatever it is called.
	{
		module: /^node:fs(\/promises)?$/,
		areas: ["bytes", "checkpoint", "engine", "hub", "kernels", "output", "signing", "publishing"],
	},
	{ module: /^sharp$/, areas: ["images"] },
	{ module: /^@huggingface\/tokenizers$/, areas: ["tokenizer"] },
	{ module: /^@huggingface\/hub$/, areas: ["hub"] },
	{ module: /^(commander|ora)$/, areas: ["cli"] },
	{ module: /^onnxruntime-node$/, areas: ["onnx"] },
	{
		module: /^zod$/,
		areas: [
			...["recipe.ts", "schema-issue.ts", "architectures", "layouts", "lock"],
			...["signing", "hub", "reports", "card", "publishing", "cli"],
		],
	},
];

const SRC = resolve("src");
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter(
	(file) => file.endsWith(".ts") && !file.endsWith(".d.ts") && !file.startsWith("kernels/assembly/"),
);

function areaOf(file: string): string {
	return file.split("/")[0] ?? "";
}

function rankOf(file: string): number {
	return LAYERS.findIndex((layer) => layer.includes(areaOf(file)));
}

function importsOf(file: string): string[] {
	const { importedFiles } = ts.preProcessFile(readFileSync(join(SRC, file), "utf8"), true, true);
	return importedFiles.map(({ fileName }) => fileName);
}

function localImportsOf(file: string): string[] {
	return importsOf(file)
		.filter((name) => name.startsWith("."))
		.map((name) => relative(SRC, resolve(SRC, dirname(file), name)));
}

function upwardImports(file: string, imports: readonly string[]): string[] {
	return imports.filter((to) => areaOf(to) !== areaOf(file) && rankOf(to) >= rankOf(file));
}

function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
	const state = new Map<string, "open" | "done">();
	const cycles: string[] = [];
	const visit = (file: string, path: readonly string[]): void => {
		if (state.get(file) === "done") return;
		if (state.get(file) === "open") {
			cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
			return;
		}
		state.set(file, "open");
		for (const to of graph.get(file) ?? []) visit(to, [...path, file]);
		state.set(file, "done");
	};
	for (const file of graph.keys()) visit(file, []);
	return cycles;
}

describe("modules", () => {
	test.each(files)("%s belongs to a layer", (file) => {
		expect(rankOf(file)).toBeGreaterThanOrEqual(0);
	});

	test.each(files)("%s imports downwards only", (file) => {
		expect(upwardImports(file, localImportsOf(file))).toEqual([]);
	});

	test.each(files)("%s uses only the doors open to it", (file) => {
		const closed = DOORS.filter(({ areas }) => !areas.includes(areaOf(file)));
		expect(importsOf(file).filter((name) => closed.some(({ module }) => module.test(name)))).toEqual([]);
	});

	test("there are no import cycles", () => {
		expect(findCycles(new Map(files.map((file) => [file, localImportsOf(file)])))).toEqual([]);
	});

	test("no file is over 500 lines", () => {
		const long = files.filter((file) => readFileSync(join(SRC, file), "utf8").split("\n").length > 500);
		expect(long).toEqual([]);
	});
});

describe("the checks above", () => {
	test("catch an upward and a sideways import", () => {
		expect(upwardImports("tensor/dtype.ts", ["engine/pass.ts"])).toEqual(["engine/pass.ts"]);
		expect(upwardImports("kernels/wasm.ts", ["layouts/detect.ts"])).toEqual(["layouts/detect.ts"]);
	});

	test("catch a cycle", () => {
		expect(
			findCycles(
				new Map([
					["a", ["b"]],
					["b", ["a"]],
				]),
			),
		).toEqual(["a -> b -> a"]);
	});
});
