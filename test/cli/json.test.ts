import { spawnSync } from "node:child_process";
import { openSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { CLI, runCli } from "../support/run-cli.ts";
import { expectDone, namesIn, UNTOUCHED, workspace } from "./expectations.ts";

const AB = ["a.safetensors", "b.safetensors"];
const AUGREG = resolve("fixtures/digits-clip/augreg");

describe("--json prints one document and nothing else on stdout", () => {
	it.each([
		{ command: "avg", args: AB },
		{ command: "avg", args: [...AB, "-o", "out", "--digests", "--file-digests", "--quiet"] },
		{ command: "inspect", args: ["a.safetensors"] },
		{ command: "inspect", args: ["a.safetensors", "--data", "--tensors"] },
		{ command: "diff", args: ["a.safetensors", "a.safetensors"] },
	])("ok: $command $args", async ({ command, args }) => {
		const { folder } = await workspace();
		const run = await runCli([command, ...args, "--json"], { cwd: folder });
		expect(run.exitCode).toBe(0);
		expect(JSON.parse(run.stdout)).toEqual({
			schemaVersion: 1,
			command,
			outcome: "ok",
			exitCode: 0,
			result: expect.any(Object),
		});
	});

	it("findings: diff of files that differ ends with 1", async () => {
		const { folder } = await workspace();
		const run = await runCli(["diff", ...AB, "--json"], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 1, stderr: "" });
		expect(JSON.parse(run.stdout)).toEqual({
			schemaVersion: 1,
			command: "diff",
			outcome: "findings",
			exitCode: 1,
			result: expect.objectContaining({ equal: false, counts: expect.objectContaining({ differs: 2 }) }),
		});
	});

	it.each([
		{ command: "avg", args: ["none.safetensors"], code: "ERR_INPUT_NOT_FOUND", exitCode: 3 },
		{ command: "avg", args: ["a.safetensors", "-o", "a.safetensors"], code: "ERR_OUTPUT_IS_INPUT", exitCode: 4 },
		{ command: "avg", args: [...AB, "--bogus"], code: "ERR_USAGE", exitCode: 2 },
		{ command: "avg", args: [...AB, "--weights", "1,x"], code: "ERR_WEIGHTS", exitCode: 2 },
		{ command: "inspect", args: [], code: "ERR_USAGE", exitCode: 2 },
		{ command: "diff", args: ["none.safetensors", "a.safetensors"], code: "ERR_INPUT_NOT_FOUND", exitCode: 3 },
	])("error: $command $args", async ({ command, args, code, exitCode }) => {
		const { folder } = await workspace();
		const run = await runCli([command, ...args, "--json"], { cwd: folder });
		expect(run.exitCode).toBe(exitCode);
		expect(JSON.parse(run.stdout)).toEqual({
			schemaVersion: 1,
			command,
			outcome: "error",
			exitCode,
			error: { code, message: expect.any(String), fix: expect.any(String), details: expect.any(Object) },
		});
		expect(await namesIn(folder)).toEqual(UNTOUCHED);
	});

	it("several faults: all of them in details", async () => {
		const { folder } = await workspace();
		const run = await runCli(["avg", "x.safetensors", "y.safetensors", "--json"], { cwd: folder });
		const { error } = JSON.parse(run.stdout);
		expect(error.details.faults).toMatchObject([
			{ code: "ERR_INPUT_NOT_FOUND", details: { path: "x.safetensors" } },
			{ code: "ERR_INPUT_NOT_FOUND", details: { path: "y.safetensors" } },
		]);
	});

	it("byte counts are numbers, digests sha256: and hex, field names camelCase", async () => {
		const { folder } = await workspace();
		const run = await runCli(["avg", AUGREG, AUGREG, "-o", "out", "--digests", "--json"], { cwd: folder });
		const { result } = JSON.parse(run.stdout);
		expect(result.byteLength).toEqual(expect.any(Number));
		const { digests, recipe, dtypes: _, ...rest } = result;
		expect(digests.output.modelDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
		expect(recipe.inputs[0].files[0].headerSha256).toMatch(/^sha256:[0-9a-f]{64}$/);
		expect(
			JSON.stringify(rest)
				.match(/"(\w+)":/g)
				?.filter((key) => !/^"[a-z][a-zA-Z0-9]*":$/.test(key)),
		).toEqual([]);
	});

	it("dimensions beyond 2^53 are not rounded", async () => {
		const file = resolve("fixtures/headers/dim-above-2-53.safetensors");
		const run = await runCli(["inspect", file, "--tensors", "--json"]);
		expectDone(run);
		const dimensions = JSON.parse(run.stdout).result.tensors.flatMap(({ shape }: { shape: unknown[] }) => shape);
		expect(dimensions).toContainEqual(expect.stringMatching(/^9\d{15}$/));
	});
});

describe("streams", () => {
	it("avg --quiet says nothing at all", async () => {
		const { folder } = await workspace();
		const run = await runCli(["avg", ...AB, "-o", "out", "--quiet"], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
	});

	it("avg --quiet still tells errors", async () => {
		const { folder } = await workspace();
		const run = await runCli(["avg", "none.safetensors", "--quiet"], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 3, stdout: "", stderr: expect.stringContaining("ERR_INPUT_NOT_FOUND") });
	});

	it("a reader that closes the pipe is no error", async () => {
		const { folder } = await workspace();
		const piped = spawnSync("sh", ["-c", `"${process.execPath}" "${CLI}" inspect a.safetensors --tensors | true`], {
			cwd: folder,
			encoding: "utf8",
		});
		expectDone({ ...piped, exitCode: piped.status });
	});

	it("a stdout that is full is an error of the disk, not a finding", async (test) => {
		const full = openFull();
		if (full === undefined) test.skip("the system has no /dev/full");
		const { folder } = await workspace();
		const run = spawnSync(process.execPath, [CLI, "inspect", "a.safetensors"], {
			cwd: folder,
			encoding: "utf8",
			stdio: ["ignore", full, "pipe"],
		});
		expect(run.status).toBe(9);
		expect(run.stderr).toMatch(
			/^error\[ERR_IO\]: Cannot write the result to stdout: the system says ENOSPC\n {2}fix: /m,
		);
	});

	it("a stderr that is full does not change the exit status", async (test) => {
		const full = openFull();
		if (full === undefined) test.skip("the system has no /dev/full");
		const { folder } = await workspace();
		const run = spawnSync(process.execPath, [CLI, "inspect", "none.safetensors"], {
			cwd: folder,
			stdio: ["ignore", "pipe", full],
		});
		expect(run.status).toBe(3);
	});
});

function openFull(): number | undefined {
	try {
		return openSync("/dev/full", "w");
	} catch {
		return undefined;
	}
}
