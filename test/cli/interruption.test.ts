import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir, readlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type CliRun, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { expectFailure, expectSuccess, namesIn } from "./expectations.ts";
import { writeSparse } from "./sparse.ts";

/** Large enough that a run is still at work when it is stopped. */
const BYTE_LENGTH = 3e8;
const INPUTS = ["in1.safetensors", "in2.safetensors"];
const TEMPORARY = /^\..*\.clip-soup-/;
const POLL_MS = 2;

interface Stopped {
	readonly folder: string;
	readonly child: ChildProcess;
	/** Names in `folder` while the run stands still. */
	readonly names: readonly string[];
	readonly run: Promise<CliRun>;
	/** Sends the signals, lets the run go on and tells what became of it and how long it took. */
	finish(...signals: readonly NodeJS.Signals[]): Promise<CliRun & { readonly ms: number }>;
}

async function largeInputs(): Promise<string> {
	const folder = await temporaryFolder();
	for (const name of INPUTS) await writeSparse(join(folder, name), BYTE_LENGTH);
	return folder;
}

/** Starts an average and halts it (SIGSTOP) as soon as its temporary name is there, in the middle of the work. */
async function haltWhileWriting(folder: string, options: readonly string[], parent = "."): Promise<Stopped> {
	let child: ChildProcess | undefined;
	const run = runCli(["avg", ...INPUTS, "--no-fsync", ...options], {
		cwd: folder,
		onSpawn: (spawned) => {
			child = spawned;
		},
	});
	if (child === undefined) throw new Error("No process was started");
	const started = child;
	await until(async () => (await readdir(join(folder, parent)).catch(() => [])).some((name) => TEMPORARY.test(name)));
	started.kill("SIGSTOP");
	return {
		folder,
		child: started,
		names: await readdir(join(folder, parent)),
		run,
		finish: async (...signals) => {
			const start = performance.now();
			for (const signal of signals) started.kill(signal);
			started.kill("SIGCONT");
			return { ...(await run), ms: performance.now() - start };
		},
	};
}

async function until(holds: () => Promise<boolean>): Promise<void> {
	while (!(await holds())) await wait(POLL_MS);
}

describe("avg stopped by a signal while it writes", () => {
	it.each([
		{ signal: "SIGINT", exitCode: 130, output: "soup.safetensors", parent: "." },
		{ signal: "SIGTERM", exitCode: 143, output: "soup.safetensors", parent: "." },
		{ signal: "SIGINT", exitCode: 130, output: "new/soup", parent: "new" },
	] as const)("ends with $exitCode within a second of $signal and leaves nothing of $output", async (stop) => {
		const folder = await largeInputs();
		const halted = await haltWhileWriting(folder, ["-o", stop.output], stop.parent);
		expect(halted.names).not.toContain("soup.safetensors");
		const run = await halted.finish(stop.signal);
		expect(run).toMatchObject({ exitCode: stop.exitCode, signal: null, stdout: "" });
		expect(run.stderr).toBe(`Interrupted by ${stop.signal}: nothing was left under the output's name\n`);
		expect(run.ms).toBeLessThan(1000);
		expect(await namesIn(folder)).toEqual(INPUTS);
	});

	it("cleans up although the signal comes again, as npx sends it", async () => {
		const folder = await largeInputs();
		const halted = await haltWhileWriting(folder, []);
		const ended = once(halted.child, "exit");
		const run = halted.finish("SIGINT");
		for (let sent = 0; sent < 3; sent++) {
			await Promise.race([ended, wait(POLL_MS)]);
			halted.child.kill("SIGINT");
		}
		expect(await run).toMatchObject({ exitCode: 130, signal: null });
		expect(await namesIn(folder)).toEqual(INPUTS);
	});

	it("says so in the JSON document", async () => {
		const folder = await largeInputs();
		const run = await (await haltWhileWriting(folder, ["--json"])).finish("SIGTERM");
		expect(JSON.parse(run.stdout)).toMatchObject({
			outcome: "error",
			exitCode: 143,
			error: { code: "ERR_INTERRUPTED" },
		});
	});

	it("leaves an output that it was to replace as it was", async () => {
		const folder = await largeInputs();
		await writeFile(join(folder, "soup.safetensors"), "mine");
		const run = await (await haltWhileWriting(folder, ["--force"])).finish("SIGINT");
		expect(run.exitCode).toBe(130);
		expect(await namesIn(folder)).toEqual([...INPUTS, "soup.safetensors"]);
	});
});

it("diff stops within a second of SIGINT", async (test) => {
	if (!existsSync("/proc/self/fd")) test.skip("the system does not show the files a process has open");
	const folder = await largeInputs();
	let child: ChildProcess | undefined;
	const run = runCli(["diff", ...INPUTS], {
		cwd: folder,
		onSpawn: (spawned) => {
			child = spawned;
		},
	});
	await until(() => hasOpen(child?.pid, "in2.safetensors"));
	const start = performance.now();
	child?.kill("SIGINT");
	expect(await run).toMatchObject({ exitCode: 130, stdout: "" });
	expect(performance.now() - start).toBeLessThan(1000);
});

async function hasOpen(pid: number | undefined, name: string): Promise<boolean> {
	const folder = `/proc/${pid}/fd`;
	const links = await readdir(folder).catch(() => []);
	const targets = await Promise.all(links.map((link) => readlink(join(folder, link)).catch(() => "")));
	return targets.some((target) => target.endsWith(name));
}

describe("avg killed while it writes", () => {
	it("leaves nothing under the output's name, and the next run removes the rest", async () => {
		const folder = await largeInputs();
		const run = await (await haltWhileWriting(folder, [])).finish("SIGKILL");
		expect(run).toMatchObject({ exitCode: null, signal: "SIGKILL" });
		const [leftover = "", ...others] = await namesIn(folder);
		expect(leftover).toMatch(TEMPORARY);
		expect(others).toEqual(INPUTS);

		const pid = String(run.pid);
		const ofLiveProcess = leftover.replace(`-${pid}-`, `-${process.pid}-`);
		const ofOtherHost = leftover.replace(/clip-soup-[0-9a-f]{8}/, "clip-soup-00000000");
		const notOurs = ".soup.safetensors.clip-soup-notes";
		const toStay = [ofLiveProcess, ofOtherHost, notOurs];
		for (const name of toStay) await writeFile(join(folder, name), "");
		for (const name of INPUTS) await writeSparse(join(folder, name), 1000);
		expectSuccess(await runCli(["avg", ...INPUTS], { cwd: folder }));
		expect(await namesIn(folder)).toEqual([...toStay, ...INPUTS, "soup.safetensors"].sort());
	});

	it("leaves no output folder, and the next run removes its temporary one", async () => {
		const folder = await largeInputs();
		await (await haltWhileWriting(folder, ["-o", "soup"])).finish("SIGKILL");
		expect((await readdir(folder)).filter((name) => !TEMPORARY.test(name)).sort()).toEqual(INPUTS);
		for (const name of INPUTS) await writeSparse(join(folder, name), 1000);
		expectSuccess(await runCli(["avg", ...INPUTS, "-o", "soup"], { cwd: folder }), [/no configuration/]);
		expect(await readdir(folder)).toEqual([...INPUTS, "soup"]);
	});
});

describe("avg while the world changes around it", () => {
	it("refuses what it read from an input that was written to", async () => {
		const folder = await largeInputs();
		const halted = await haltWhileWriting(folder, []);
		await utimes(join(folder, "in2.safetensors"), 1, 1);
		expectFailure(await halted.finish(), {
			code: "ERR_INPUT_CHANGED",
			says: ["in2.safetensors"],
			fix: /when nothing writes to the file/,
		});
		expect(await namesIn(folder)).toEqual(INPUTS);
	});

	it("refuses an input that grew", async () => {
		const folder = await largeInputs();
		const halted = await haltWhileWriting(folder, []);
		await appendFile(join(folder, "in1.safetensors"), "more");
		expectFailure(await halted.finish(), { code: "ERR_INPUT_CHANGED", says: ["in1.safetensors"], fix: /./ });
		expect(await namesIn(folder)).toEqual(INPUTS);
	});

	it("tells an input that was cut short", async () => {
		const folder = await largeInputs();
		const halted = await haltWhileWriting(folder, []);
		await truncate(join(folder, "in2.safetensors"), 1e6);
		expectFailure(await halted.finish(), {
			code: "ERR_FILE_TRUNCATED",
			says: ["in2.safetensors"],
			fix: /leave the file/,
		});
		expect(await namesIn(folder)).toEqual(INPUTS);
	});

	it.each([
		{ output: "soup.safetensors", make: (path: string) => writeFile(path, "theirs") },
		{ output: "soup", make: (path: string) => mkdir(join(path, "theirs"), { recursive: true }) },
	])("does not replace $output that another process made meanwhile", async ({ output, make }) => {
		const folder = await largeInputs();
		const halted = await haltWhileWriting(folder, ["-o", output]);
		await make(join(folder, output));
		expectFailure(await halted.finish(), { code: "ERR_OUTPUT_EXISTS", says: ["it appeared while"], fix: /--force/ });
		expect((await readdir(folder)).sort()).toEqual([...INPUTS, output]);
	});
});
