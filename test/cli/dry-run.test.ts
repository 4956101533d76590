import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";
import { expectFailure, expectSuccess, namesIn, UNTOUCHED, workspace } from "./expectations.ts";

const PAIR = ["augreg", "rewind"].map((name) => resolve("fixtures/digits-clip", name));

it("avg --dry-run prints tensors, bytes, dtype, memory and names, and writes nothing", async () => {
	const { folder } = await workspace();
	const run = await runCli(["avg", ...PAIR, "-o", "x/out", "--dtype", "bf16", "--dry-run"], { cwd: folder });
	expectSuccess(run);
	expect(run.stdout).toMatch(/^output +x\/out$/m);
	expect(run.stdout).toMatch(/^files +open_clip_model\.safetensors, soup\.json, .*open_clip_config\.json$/m);
	expect(run.stdout).toMatch(/^tensors +94 averaged \(BF16 × 94\)$/m);
	expect(run.stdout).toMatch(/^bytes +\d+ kB$/m);
	expect(run.stdout).toMatch(/^memory +at most \d+ MB with \d+ threads?$/m);
	expect(run.stdout).toMatch(/\ndry run: nothing was written\n$/);
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("avg --dry-run names and sizes what the run then writes", async () => {
	const { folder } = await workspace();
	const args = ["avg", ...PAIR, "-o", "out", "--digests", "--json"];
	const planned = JSON.parse((await runCli([...args, "--dry-run"], { cwd: folder })).stdout).result;
	const done = JSON.parse((await runCli(args, { cwd: folder })).stdout).result;
	expect(planned.dryRun).toBe(true);
	expect(done).toMatchObject({ files: planned.files, byteLength: planned.byteLength, tensors: planned.tensors });
	expect((await namesIn(`${folder}/out`)).sort()).toEqual(planned.files.toSorted());
});

it.each([
	{ args: ["a.safetensors", "none.safetensors"], code: "ERR_INPUT_NOT_FOUND" as const },
	{ args: ["a.safetensors", "-o", "a.safetensors"], code: "ERR_OUTPUT_IS_INPUT" as const },
	{ args: ["a.safetensors", "-o", "taken.safetensors"], code: "ERR_OUTPUT_EXISTS" as const },
	{ args: ["a.safetensors", "-o", "none/soup.safetensors"], code: "ERR_OUTPUT_NOT_WRITABLE" as const },
])("avg --dry-run $args finds $code as the run would", async ({ args, code }) => {
	const { folder, path } = await workspace();
	await mkdir(path("taken.safetensors"));
	const run = await runCli(["avg", ...args, "--dry-run"], { cwd: folder });
	expectFailure(run, { code, says: [/Cannot /], fix: /./ });
	expect(await namesIn(folder)).toEqual([...UNTOUCHED, "taken.safetensors"]);
});
