import { describe, expect, it } from "vitest";
import { parseArchitecture } from "../../src/architectures/architecture.ts";
import { TARGETS, type Target } from "../../src/layouts/index.ts";
import { readCanonical, writeTarget } from "./memory.ts";
import { hasFolder, type MemoryTensor, readJson, readTensors, SYSTEMS } from "./systems.ts";

/** Folder of each target in `fixtures/layouts`. */
const FOLDERS = {
	openclip: "openclip",
	timm: "timm",
	"hf-clip": "hf",
	"hf-pair": "hf",
	"hf-dual": "hf-dual",
	"hf-text": "hf/text",
} as const satisfies Record<keyof typeof TARGETS, string>;

interface Case {
	readonly system: string;
	readonly target: Target;
}

function foldersOf({ target }: Pick<Case, "target">): readonly string[] {
	return target.folders.map(({ name }) => (name === "" ? FOLDERS[target.id] : `${FOLDERS[target.id]}/${name}`));
}

const CASES: readonly (Case & { readonly title: string })[] = SYSTEMS.flatMap((system) =>
	Object.values(TARGETS)
		.filter((target) => foldersOf({ target }).every((folder) => hasFolder(system, folder)))
		.filter(({ id }) => id !== "hf-clip" || !hasFolder(system, "hf/vision"))
		.map((target) => ({ system, target, title: `${system} ${target.id}` })),
);

function architectureOf(system: string) {
	const { model_cfg } = Object(readJson(system, "openclip/open_clip_config.json"));
	return parseArchitecture(model_cfg);
}

/** Names in one order, with dtype, shape and digest: equal for equal files. */
function summary(tensors: readonly MemoryTensor[], known: ReadonlySet<string>) {
	return tensors
		.map(({ name, dtype, shape, sha256 }) => ({ name, dtype, shape, sha256: known.has(name) ? sha256 : undefined }))
		.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function expectEqual(found: readonly MemoryTensor[], expected: readonly MemoryTensor[]) {
	const known = new Set(found.filter(({ sha256 }) => sha256 !== undefined).map(({ name }) => name));
	expect(summary(found, known)).toEqual(summary(expected, known));
}

describe.each(CASES)("$title", ({ system, target }) => {
	const architecture = architectureOf(system);
	const library = foldersOf({ target }).map((folder) => readTensors(system, folder));
	const canonical = readCanonical([readTensors(system, "openclip")]);

	it("is what planWriting makes of OpenCLIP's file", () => {
		const written = writeTarget(target, architecture, canonical);
		for (const [index, { tensors }] of written.entries()) expectEqual(tensors, library[index] ?? []);
	});

	it("is read back into OpenCLIP's tensors", () => {
		const found = readCanonical(library);
		const names = new Set(found.map(({ name }) => name));
		expectEqual(
			found,
			canonical.filter(({ name }) => names.has(name)),
		);
	});
});
