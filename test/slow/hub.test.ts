import { readFileSync } from "node:fs";
import { open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { contentOfFile } from "../support/hub/content.ts";
import { startHub } from "../support/hub/double.ts";
import { CLI, runCli } from "../support/run-cli.ts";
import { writeSparse } from "../support/sparse.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** The bound for inputs that are streamed from the Hub, of any size: docs/hub.md has what was measured. */
const MOST_MEMORY = 160e6;
const PRELOAD = new URL("../../bench/report-usage.js", import.meta.url).href;

const LIBRARY = new URL("../../dist/index.js", import.meta.url).href;

/** A checkpoint of 1 GB that takes no room on the disk; the last elements of two tensors have a value. */
async function largeCheckpoint(path: string, value: number): Promise<string> {
	const large = { name: "large", dtype: "F32", shape: [250_000_000] } as const;
	const small = Array.from(
		{ length: 500 },
		(_, index) => ({ name: `small.${index}`, dtype: "F32", shape: [1024] }) as const,
	);
	return writeSparse(
		path,
		[large, ...small],
		[
			{ name: "large", element: 249_999_999, value },
			{ name: "small.499", element: 1023, value },
		],
	);
}

async function lastElements(path: string): Promise<number[]> {
	await using soup = await openCheckpoint(path);
	await using file = await open(path);
	const last = Buffer.alloc(4);
	const values: number[] = [];
	for (const name of ["large", "small.499"]) {
		const { position = 0, byteLength = 0 } = soup.tensors.get(name) ?? {};
		await file.read(last, 0, 4, position + byteLength - 4);
		values.push(last.readFloatLE());
	}
	return values;
}

test("avg of two models on the Hub stores nothing but the output, in bounded memory, as a command and as a library", async () => {
	const folder = await temporaryFolder();
	const double = await startHub();
	for (const [name, value] of [
		["a", 1],
		["b", 3],
	] as const) {
		const path = await largeCheckpoint(join(folder, `${name}.safetensors`), value);
		double.repository(`org/${name}`).add({ "model.safetensors": await contentOfFile(path) });
	}
	const library = join(folder, "library.js");
	await writeFile(
		library,
		`import { average } from ${JSON.stringify(LIBRARY)};
		const [a, b, output] = process.argv.slice(2);
		await average([a, b], { output, fsync: false });`,
	);
	const usage = join(folder, "usage");
	const output = join(folder, "soup.safetensors");
	const inputs = ["hf:org/a", "hf:org/b"];
	const runs = [
		["command", CLI, ["avg", ...inputs, "-o", output, "--no-fsync", "--quiet"]],
		["library", library, [...inputs, output]],
	] as const;
	const env = {
		HF_ENDPOINT: double.hubUrl,
		HF_HOME: join(folder, "hf"),
		BENCH_USAGE: usage,
		NODE_OPTIONS: `--import ${PRELOAD}`,
	};
	for (const [name, cli, args] of runs) {
		double.takeRoutes();
		const { exitCode, stderr } = await runCli(args, { cli, env });
		expect([name, exitCode, stderr]).toEqual([name, 0, ""]);
		expect.soft(Number(readFileSync(usage, "utf8")), `peak of the ${name}`).toBeLessThan(MOST_MEMORY);
		const written = ["a.safetensors", "b.safetensors", "library.js", "soup.safetensors", "usage"];
		expect((await readdir(folder)).sort()).toEqual(written);
		expect(await lastElements(output)).toEqual([2, 2]);
		await rm(output);
		// Storage is found once for each file, and serves all its ranges.
		expect(double.requests.filter(({ route }) => route === "resolve").length).toBeLessThanOrEqual(2);
	}
});
