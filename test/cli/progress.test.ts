import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { progressLine } from "../../src/cli/progress.ts";
import { CLI, runCli } from "../support/run-cli.ts";
import { expectSuccess } from "./expectations.ts";
import { writeSparse } from "./sparse.ts";

/** Enough for the line to be drawn a few times. */
const BYTE_LENGTH = 3e8;

let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "clip-soup-progress-"));
	await writeSparse(join(folder, "in.safetensors"), BYTE_LENGTH);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const hasTerminal = (() => {
	try {
		execFileSync("script", ["-qec", "true", "/dev/null"], { stdio: "ignore" });
		return true;
	} catch {
		return false;
	}
})();

/** Runs on a terminal of its own (util-linux `script`); stdout and stderr come as one. */
async function onTerminal(options: string, env: Readonly<Record<string, string>> = {}, columns = 100): Promise<string> {
	const command = `stty cols ${columns}; "${process.execPath}" "${CLI}" avg in.safetensors in.safetensors --no-fsync --force ${options}`;
	const { stdout } = await promisify(execFile)("script", ["-qec", command, "/dev/null"], {
		cwd: folder,
		env: { PATH: process.env.PATH, TERM: "xterm", ...env },
	});
	return stdout;
}

const LINE = /averaging \d+\/8 tensors, [\d.]+ [MG]B of 900 MB, [\d.]+ [MG]B\/s, \d+ s left/;
const CYAN = "\u001b[36m";

describe.skipIf(!hasTerminal)("on a terminal", () => {
	it("avg shows tensors, bytes, speed and the time left, in colour, and clears the line", async () => {
		const shown = await onTerminal("");
		expect(shown).toMatch(LINE);
		expect(shown).toContain(CYAN);
		expect(shown.slice(shown.lastIndexOf("\u001b"))).not.toContain("averaging");
		expect(shown).toContain("method    uniform mean");
	});

	it("NO_COLOR takes the colour away and leaves the line", async () => {
		const shown = await onTerminal("", { NO_COLOR: "1" });
		expect(shown).toMatch(LINE);
		expect(shown).not.toContain("\u001b[3");
	});

	it("a terminal without a size shows no line, which could not be cleared", async () => {
		const shown = await onTerminal("", {}, 0);
		expect(shown).not.toContain("averaging");
		expect(shown).toContain("method    uniform mean");
	});

	it.each([
		{ how: "--quiet", options: "--quiet", env: {} },
		{ how: "CI", options: "", env: { CI: "true" } },
		{ how: "a dumb terminal", options: "", env: { TERM: "dumb" } },
	])("$how shows no line", async ({ options, env }) => {
		const shown = await onTerminal(options, env);
		expect(shown).not.toContain("averaging");
		expect(shown).not.toContain("\u001b");
	});
});

it("avg writes nothing on a stderr that is no terminal", async () => {
	const run = await runCli(["avg", "in.safetensors", "in.safetensors", "--no-fsync", "--force"], { cwd: folder });
	expectSuccess(run);
	expect(run.stdout).not.toContain("\u001b");
});

it("progressLine counts tensors only where there are some", () => {
	const progress = { phase: "digest", tensorsDone: 0, bytesDone: 5e8, bytesTotal: 1e9 } as const;
	expect(progressLine({ ...progress, tensorsTotal: 0 }, 1)).toBe("digesting 500 MB of 1.00 GB, 500 MB/s, 1 s left");
	expect(progressLine({ ...progress, tensorsTotal: 2 }, 1)).toMatch(/^digesting 0\/2 tensors, 500 MB/);
});
