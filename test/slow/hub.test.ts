import { readFileSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { contentOfFile } from "../support/hub/content.ts";
import { startHub } from "../support/hub/double.ts";
import { runCli } from "../support/run-cli.ts";
import { writeSparse } from "../support/sparse.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** The bound for inputs that are streamed from the Hub, of any size: up to 124 MB on Node 20.19, 145 MB on Node 24.21. */
const MOST_MEMORY = 160e6;
const PRELOAD = new URL("../../bench/report-usage.js", import.meta.url).href;

test("avg of two models on the Hub stores nothing but the output, in bounded memory", async () => {
	const folder = await temporaryFolder();
	const double = await startHub();
	const large = { name: "large", dtype: "F32", shape: [75_000_000] } as const;
	const small = Array.from(
		{ length: 500 },
		(_, index) => ({ name: `small.${index}`, dtype: "F32", shape: [1024] }) as const,
	);
	for (const [name, value] of [
		["a", 1],
		["b", 3],
	] as const) {
		const path = await writeSparse(
			join(folder, `${name}.safetensors`),
			[large, ...small],
			[
				{ name: "large", element: 74_999_999, value },
				{ name: "small.499", element: 1023, value },
			],
		);
		double.repository(`org/${name}`).add({ "model.safetensors": await contentOfFile(path) });
	}
	const usage = join(folder, "usage");
	const output = join(folder, "soup.safetensors");
	const { exitCode, stderr } = await runCli(["avg", "hf:org/a", "hf:org/b", "-o", output, "--no-fsync", "--quiet"], {
		env: {
			HF_ENDPOINT: double.hubUrl,
			HF_HOME: join(folder, "hf"),
			BENCH_USAGE: usage,
			NODE_OPTIONS: `--import ${PRELOAD}`,
		},
	});
	expect([exitCode, stderr]).toEqual([0, ""]);
	const peak = Number(readFileSync(usage, "utf8"));
	expect(peak).toBeLessThan(MOST_MEMORY);
	expect((await readdir(folder)).sort()).toEqual(["a.safetensors", "b.safetensors", "soup.safetensors", "usage"]);
	await using soup = await openCheckpoint(output);
	await using file = await open(output);
	const last = Buffer.alloc(4);
	for (const name of ["large", "small.499"]) {
		const { position = 0, byteLength = 0 } = soup.tensors.get(name) ?? {};
		await file.read(last, 0, 4, position + byteLength - 4);
		expect(last.readFloatLE(), name).toBe(2);
	}
	// Storage is found once for each file, and serves all its ranges.
	expect(double.requests.filter(({ route }) => route === "resolve").length).toBeLessThanOrEqual(2);
});
