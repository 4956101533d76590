import { expect, it } from "vitest";
import { f32, type TestTensor } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";
import { expectDone, expectFailure, expectSuccess, namesIn, workspace } from "./expectations.ts";
import { f32Values, readSafetensors } from "./read-safetensors.ts";

const F16_MAX = 65504;

function f16(...values: readonly number[]): TestTensor {
	return { dtype: "F16", shape: [values.length], values };
}

async function averageOf(first: TestTensor, second: TestTensor, options: readonly string[]) {
	const { folder, path, write } = await workspace();
	await write("in1.safetensors", { ok: f32(1), odd: first });
	await write("in2.safetensors", { ok: f32(1), odd: second });
	const args = ["avg", "in1.safetensors", "in2.safetensors", "-o", "out/soup/", ...options];
	const run = await runCli(args, { cwd: folder });
	const left = (await namesIn(folder)).filter((name) => name.startsWith("out") || name.startsWith("."));
	return { run, left, output: path("out", "soup", "model.safetensors") };
}

it.each([
	{ what: "NaN", values: [Number.NaN, 1, Number.NaN], count: 2 },
	{ what: "infinity", values: [1, -Infinity, 1], count: 1 },
])("avg refuses $what in one input, with tensor, input and count", async ({ values, count }) => {
	const { run, left } = await averageOf(f32(1, 2, 3), f32(...values), []);
	expectFailure(run, {
		code: "ERR_NON_FINITE",
		says: ['"odd"', `found ${count} NaN or infinite values in input 2 "in2.safetensors"`],
		fix: /leave that input out, or add --allow-nonfinite/,
	});
	expect(left).toEqual([]);
});

it("avg names every tensor and input with values that are not finite", async () => {
	const { run } = await averageOf(f32(Infinity, 1, 1), f32(1, Number.NaN, Number.NaN), []);
	expectFailure(run, { code: "ERR_NON_FINITE", says: ["found 1 NaN", "input 1", "found 2 NaN", "input 2"], fix: /./ });
});

it("avg --allow-nonfinite lets NaN and infinity through, NaN as the canonical one", async () => {
	const { run, output } = await averageOf(f32(1, 2, 3), f32(Number.NaN, Infinity, 5), ["--allow-nonfinite"]);
	expectSuccess(run, [/no configuration/]);
	const soup = await readSafetensors(output);
	expect(f32Values(soup, "odd")).toEqual([Number.NaN, Infinity, 4]);
	expect(soup.tensors.get("odd")?.bytes.readUInt32LE()).toBe(0x7fc00000);
});

it.each([[], ["--allow-nonfinite"]])("avg refuses a sum that F16 cannot hold, with options %j", async (...options) => {
	const sum = ["--weights", "1,1", "--no-normalize"];
	const { run, left } = await averageOf(f16(F16_MAX, 1, F16_MAX), f16(F16_MAX, 1, 32), [...sum, ...options]);
	expectFailure(run, {
		code: "ERR_OVERFLOW",
		says: ['"odd"', "found 2 results that F16 cannot hold"],
		fix: /--dtype f32/,
	});
	expect(left).toEqual([]);
});

it.each([[], ["--allow-nonfinite"]])(
	"avg refuses a mean too large for --dtype f16, with options %j",
	async (...options) => {
		const { run, left } = await averageOf(f32(1e5), f32(1e5), ["--dtype", "f16", ...options]);
		expectFailure(run, { code: "ERR_OVERFLOW", says: ["found 1 results that F16 cannot hold"], fix: /--dtype f32/ });
		expect(left).toEqual([]);
	},
);

it("avg keeps the largest value of a dtype", async () => {
	const { run, output } = await averageOf(f32(F16_MAX), f32(F16_MAX), ["--dtype", "f16"]);
	expectSuccess(run, [/no configuration/]);
	expect((await readSafetensors(output)).tensors.get("odd")?.bytes.readUInt16LE()).toBe(0x7bff);
});

it("inspect --data counts NaN and infinities", async () => {
	const { write } = await workspace();
	const file = await write("odd.safetensors", { odd: f32(Number.NaN, Infinity, -Infinity, 1) });
	const run = await runCli(["inspect", file, "--data", "--json"]);
	expectDone(run);
	expect(JSON.parse(run.stdout).result.data).toMatchObject({ nan: 1, infinite: 2 });
});
