import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CLI } from "../support/run-cli.ts";
import { writeSparse } from "../support/sparse.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** The bound that the README and the benchmark state, for inputs of any size and up to 32 of them. */
const MOST_MEMORY = 128 * 2 ** 20;

/** Runs the command and returns its peak resident memory in bytes. */
async function peakMemoryOf(args: readonly string[]): Promise<number> {
	const usage = join(await temporaryFolder(), "usage");
	const preload = new URL("../../bench/report-usage.js", import.meta.url).href;
	const { status, stderr } = spawnSync(process.execPath, ["--import", preload, CLI, ...args], {
		env: { ...process.env, BENCH_USAGE: usage },
		encoding: "utf8",
	});
	expect(stderr).toBe("");
	expect(status).toBe(0);
	return Number(readFileSync(usage, "utf8"));
}

async function elementOf(path: string, name: string, element: number): Promise<number> {
	await using checkpoint = await openCheckpoint(path);
	await using file = await open(path);
	const bytes = new Uint8Array(4);
	await file.read(bytes, 0, 4, (checkpoint.tensors.get(name)?.position ?? 0) + element * 4);
	return new Float32Array(bytes.buffer)[0] ?? Number.NaN;
}

test("avg of two checkpoints with a tensor above 4 GiB is right beyond 2 GiB and 4 GiB, in bounded memory", async () => {
	const folder = await temporaryFolder();
	const large = { name: "large", dtype: "F32", shape: [1_200_000_000] } as const;
	const small = { name: "small", dtype: "F32", shape: [3] } as const;
	// Elements around byte 2^31, around byte 2^32, and the last one.
	const elements = [0, 2 ** 29 - 1, 2 ** 29, 2 ** 30 - 1, 2 ** 30, 1_199_999_999];
	const [a, b] = await Promise.all(
		[1, 3].map((factor) =>
			writeSparse(
				join(folder, `${factor}.safetensors`),
				[large, small],
				elements.map((element, index) => ({ name: "large", element, value: factor * (index + 1) })),
			),
		),
	);
	const output = join(folder, "soup.safetensors");
	const peak = await peakMemoryOf(["avg", a ?? "", b ?? "", "-o", output, "--no-fsync", "--quiet"]);
	expect(peak).toBeLessThan(MOST_MEMORY);
	for (const [index, element] of elements.entries()) {
		expect(await elementOf(output, "large", element), `element ${element}`).toBe(2 * (index + 1));
	}
});

test.each([2, 5, 32])("avg of %i inputs stays within the memory bound, and within its own estimate", async (count) => {
	const folder = await temporaryFolder();
	const tensors = Array.from({ length: 40 }, (_, i) => ({ name: `t${i}`, dtype: "F16", shape: [2048, 2048] }) as const);
	const input = await writeSparse(join(folder, "a.safetensors"), tensors);
	const inputs = Array.from({ length: count }, () => input);
	const output = join(folder, "soup.safetensors");
	const peak = await peakMemoryOf(["avg", ...inputs, "-o", output, "--no-fsync", "--quiet"]);
	expect(peak).toBeLessThan(MOST_MEMORY);
	const plan = spawnSync(process.execPath, [
		CLI,
		"avg",
		...inputs,
		"-o",
		join(folder, "x.safetensors"),
		"--dry-run",
		"--json",
	]);
	expect(peak).toBeLessThanOrEqual(JSON.parse(String(plan.stdout)).result.peakMemory);
});

test("inspect --data and diff stay within the memory bound", async () => {
	const folder = await temporaryFolder();
	const tensor = { name: "large", dtype: "F32", shape: [400_000_000] } as const;
	const a = await writeSparse(join(folder, "a.safetensors"), [tensor], [{ name: "large", element: 7, value: 1 }]);
	expect(await peakMemoryOf(["inspect", a, "--data", "--quiet"])).toBeLessThan(MOST_MEMORY);
	expect(await peakMemoryOf(["diff", a, a, "--quiet"])).toBeLessThan(MOST_MEMORY);
});

test("shards above 2 GiB are written and read", async () => {
	const folder = await temporaryFolder();
	const tensors = ["a", "b", "c"].map((name) => ({ name, dtype: "F32", shape: [300_000_000] }) as const);
	const input = await writeSparse(join(folder, "in.safetensors"), tensors, [
		{ name: "c", element: 299_999_999, value: 5 },
	]);
	const output = join(folder, "sharded");
	await peakMemoryOf(["avg", input, input, "-o", output, "--max-shard-size", "2.5GB", "--no-fsync", "--quiet"]);
	expect(await elementOf(join(output, "model-00002-of-00002.safetensors"), "c", 299_999_999)).toBe(5);
	const { status } = spawnSync(process.execPath, [CLI, "diff", input, output, "--quiet"]);
	expect(status).toBe(0);
});
