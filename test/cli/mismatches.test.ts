import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { f32, type TestTensor } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";
import { expectFailure, expectSuccess, namesIn, UNTOUCHED, workspace } from "./expectations.ts";
import { f32Values, readSafetensors, sha256 } from "./read-safetensors.ts";

const ONE_ARCHITECTURE = /average checkpoints of one architecture/;

function int64(...values: readonly number[]): TestTensor {
	const bytes = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
	return { dtype: "I64", shape: [values.length], bytes };
}

/** Averages inputs written from `tensors`, and tells what is left in the folder besides them. */
async function averageOf(inputs: readonly Readonly<Record<string, TestTensor>>[], options: readonly string[] = []) {
	const { folder, path, write } = await workspace();
	const names = inputs.map((_, index) => `in${index + 1}.safetensors`);
	for (const [index, name] of names.entries()) await write(name, inputs[index] ?? {});
	const before = await namesIn(folder);
	const run = await runCli(["avg", ...names, "-o", "out.safetensors", ...options], { cwd: folder });
	const added = (await namesIn(folder)).filter((name) => !before.includes(name));
	return { run, added, output: path("out.safetensors"), inputs: names.map((name) => path(name)) };
}

describe("avg", () => {
	it("names a tensor whose shape differs, with both shapes", async () => {
		const { run, added } = await averageOf([{ proj: f32(1, 2) }, { proj: f32(1, 2, 3) }]);
		expectFailure(run, {
			code: "ERR_SHAPE_MISMATCH",
			says: ['"proj"', "found [3] in input 2", "in2.safetensors", "expected [2]", "in1.safetensors"],
			fix: ONE_ARCHITECTURE,
		});
		expect(added).toEqual([]);
	});

	it("names missing and extra tensors, and the nearest name when only a prefix differs", async () => {
		const { run, added } = await averageOf([{ weight: f32(1) }, { "module.weight": f32(1) }]);
		expectFailure(run, {
			code: "ERR_TENSOR_MISSING",
			says: ['"weight": input 2', /ERR_TENSOR_EXTRA.*"module\.weight": only input 2/, "2 faults"],
			fix: /nearest name on the other side is "module\.weight"/,
		});
		expect(added).toEqual([]);
	});

	it("reports all kinds of faults of all inputs at once", async () => {
		const { run, added } = await averageOf([
			{ a: f32(1), b: f32(1), c: f32(1) },
			{ a: f32(1, 2), b: { dtype: "F16", shape: [1], values: [1] }, c: f32(1) },
			{ a: f32(1), b: f32(1), d: f32(1) },
		]);
		expectFailure(run, {
			code: "ERR_SHAPE_MISMATCH",
			says: [
				/SHAPE_MISMATCH.*"a".*input 2/,
				/DTYPE_MISMATCH.*"b".*found F16 in input 2.*expected F32/,
				/TENSOR_MISSING.*"c".*input 3/,
				/TENSOR_EXTRA.*"d".*input 3/,
				"4 faults",
			],
			fix: ONE_ARCHITECTURE,
		});
		expect(added).toEqual([]);
	});

	it("prints ten faults of a kind and counts the rest, which --json has", async () => {
		const names = Array.from({ length: 14 }, (_, index) => `t${String(index).padStart(2, "0")}`);
		const short = Object.fromEntries(names.map((name) => [name, f32(1)]));
		const long = Object.fromEntries(names.map((name) => [name, f32(1, 2)]));
		const { run } = await averageOf([short, long]);
		expectFailure(run, {
			code: "ERR_SHAPE_MISMATCH",
			says: ["… and 4 more ERR_SHAPE_MISMATCH", "14 faults"],
			fix: /./,
		});
		expect(run.stderr.match(/^error\[/gm)).toHaveLength(10);

		const { run: json } = await averageOf([short, long], ["--json"]);
		const { error, exitCode } = JSON.parse(json.stdout);
		expect(exitCode).toBe(3);
		expect(error.details.faults.map(({ details }: { details: { tensor: string } }) => details.tensor)).toEqual(names);
		expect(error.details.faults[0]).toMatchObject({
			code: "ERR_SHAPE_MISMATCH",
			details: { input: 2, found: "[2]", expected: "[1]" },
		});
	});

	it("tells a layout that is not known in one fault instead of a list of all names", async () => {
		const { run, added } = await averageOf([
			{ "visual.proj": f32(1), "visual.ln_post.weight": f32(1) },
			{ "unet.in.weight": f32(1), "unet.out.weight": f32(1) },
		]);
		expectFailure(run, {
			code: "ERR_LAYOUT_MISMATCH",
			says: ["found layout unknown, expected openclip", "in2.safetensors"],
			fix: /one layout/,
		});
		expect(run.stderr.match(/error\[/g)).toHaveLength(1);
		expect(added).toEqual([]);
	});

	it("refuses mixed dtypes without --dtype, and tells the option", async () => {
		const { run, added } = await averageOf([{ w: f32(1) }, { w: { dtype: "BF16", shape: [1], values: [3] } }]);
		expectFailure(run, { code: "ERR_DTYPE_MISMATCH", says: ["found BF16", "expected F32"], fix: /--dtype f32/ });
		expect(added).toEqual([]);
	});

	it("averages mixed dtypes with --dtype", async () => {
		const mixed = [{ w: f32(1) }, { w: { dtype: "BF16", shape: [1], values: [4] } as const }];
		const { run, output } = await averageOf(mixed, ["--dtype", "f32"]);
		expectSuccess(run);
		expect(f32Values(await readSafetensors(output), "w")).toEqual([2.5]);
	});

	it("refuses a float tensor that is an integer in another input, even with --dtype", async () => {
		const { run, added } = await averageOf([{ w: f32(1, 2) }, { w: { dtype: "I32", shape: [2] } }], ["--dtype", "f32"]);
		expectFailure(run, { code: "ERR_DTYPE_MISMATCH", says: ["found I32", "expected F32"], fix: /one dtype/ });
		expect(added).toEqual([]);
	});

	it("refuses integers that differ, with both digests, and --keep chooses", async () => {
		const inputs = [
			{ ids: int64(1, 2), w: f32(1) },
			{ ids: int64(1, 3), w: f32(1) },
		];
		const { run, added, inputs: paths } = await averageOf(inputs);
		const digests = await Promise.all(
			paths.map(async (path) => sha256((await readSafetensors(path)).tensors.get("ids")?.bytes ?? "")),
		);
		expectFailure(run, {
			code: "ERR_VALUE_MISMATCH",
			says: ['"ids"', `found sha256:${digests[1]} in input 2`, `expected sha256:${digests[0]}`],
			fix: /--keep ids=1/,
		});
		expect(added).toEqual([]);

		const kept = await averageOf(inputs, ["--keep", "ids=2"]);
		expectSuccess(kept.run);
		const { tensors } = await readSafetensors(kept.output);
		expect(tensors.get("ids")?.bytes).toEqual((await readSafetensors(kept.inputs[1] ?? "")).tensors.get("ids")?.bytes);
	});

	it("copies integers that are equal, whatever --dtype", async () => {
		const { run, output } = await averageOf([{ ids: int64(7) }, { ids: int64(7) }], ["--dtype", "bf16"]);
		expectSuccess(run);
		expect((await readSafetensors(output)).tensors.get("ids")).toMatchObject({ dtype: "I64" });
	});

	it("lets num_batches_tracked differ, keeps the first input's and says so", async () => {
		const { run, output, inputs } = await averageOf([
			{ "bn.num_batches_tracked": int64(10), "bn.running_mean": f32(1) },
			{ "bn.num_batches_tracked": int64(20), "bn.running_mean": f32(3) },
		]);
		expectSuccess(run, [
			/num_batches_tracked differ between the inputs: the first input's are kept/,
			/running statistics/,
		]);
		const [first, soup] = [await readSafetensors(inputs[0] ?? ""), await readSafetensors(output)];
		const counter = "bn.num_batches_tracked";
		expect(soup.tensors.get(counter)?.bytes).toEqual(first.tensors.get(counter)?.bytes);
	});
});

describe("avg --keep", () => {
	const INPUTS = [
		{ "a=b": f32(1), logit_scale: f32(2), w: f32(0) },
		{ "a=b": f32(3), logit_scale: f32(6), w: f32(4) },
	];

	it("takes the value of the input that is named, and averages the rest", async () => {
		const { run, output } = await averageOf(INPUTS, ["--keep", "logit_scale=2", "--keep", "a=b=1"]);
		expectSuccess(run);
		const soup = await readSafetensors(output);
		expect(["logit_scale", "a=b", "w"].map((name) => f32Values(soup, name))).toEqual([[6], [1], [2]]);
		expect(JSON.parse(soup.metadata.clip_soup ?? "").keep).toEqual({ "a=b": 1, logit_scale: 2 });
	});

	it.each([
		{ keep: "logit_scal=1", says: /no such tensor/, fix: /did you mean "logit_scale"\?/ },
		{ keep: "nothing_like_it=1", says: /no such tensor/, fix: /inspect --tensors/ },
		{ keep: "w=0", says: /found input 0, expected 1 to 2/, fix: /numbered from 1/ },
		{ keep: "w=3", says: /found input 3, expected 1 to 2/, fix: /numbered from 1/ },
		{ keep: "w=-1", says: /expected NAME=INDEX/, fix: /--help/ },
		{ keep: "w=1.5", says: /expected NAME=INDEX/, fix: /--help/ },
		{ keep: "w", says: /expected NAME=INDEX/, fix: /--help/ },
		{ keep: "=1", says: /expected NAME=INDEX/, fix: /--help/ },
		{ keep: "w=", says: /expected NAME=INDEX/, fix: /--help/ },
	])("refuses $keep", async ({ keep, says, fix }) => {
		const { run, added } = await averageOf(INPUTS, ["--keep", keep]);
		expectFailure(run, { code: "ERR_USAGE", says: [says], fix });
		expect(added).toEqual([]);
	});

	it("refuses one name twice instead of letting the last one win", async () => {
		const { run } = await averageOf(INPUTS, ["--keep", "w=1", "--keep", "w=2"]);
		expectFailure(run, { code: "ERR_USAGE", says: ['"w" twice'], fix: /--help/ });
	});
});

it("avg of one input copies its values and says so", async () => {
	const { folder, a, path } = await workspace();
	const run = await runCli(["avg", a, "-o", "out.safetensors"], { cwd: folder });
	expectSuccess(run, [/note: one input: the soup is a copy of it/]);
	const [input, soup] = [await readSafetensors(a), await readSafetensors(path("out.safetensors"))];
	expect(soup.tensors).toEqual(input.tensors);
});

it("avg leaves its inputs as they are", async () => {
	const { folder, a, b } = await workspace();
	const before = await Promise.all([a, b].map((file) => readFile(file)));
	expectSuccess(await runCli(["avg", a, b], { cwd: folder }));
	expect(await Promise.all([a, b].map((file) => readFile(file)))).toEqual(before);
	expect(await namesIn(folder)).toEqual([...UNTOUCHED, "soup.safetensors"]);
});
