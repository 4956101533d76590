import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { exitCodeOf, renderError } from "../../src/cli/errors.ts";
import { ERROR_CODES, type ErrorCode } from "../../src/errors.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import type { CliOptions, CliRun } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";

export interface Failure {
	readonly code: ErrorCode;
	/** What the message must tell: names, numbers, what was found. */
	readonly says: readonly (string | RegExp)[];
	readonly fix: string | RegExp;
}

/** What a run tells. */
export type Told = Omit<CliRun, "pid">;

/** What the command line would tell of work that fails, for tables of faults that need no process each. */
export async function tellOf(work: () => Promise<unknown>): Promise<Told> {
	const error = await work().then(
		() => undefined,
		(reason: unknown) => reason,
	);
	if (error === undefined) return { exitCode: 0, signal: null, stdout: "", stderr: "" };
	return { exitCode: exitCodeOf(error), signal: null, stdout: "", stderr: renderError(error) };
}

/** A run that failed as it should: exit status, code, message and cure on stderr, nothing on stdout, no stack. */
export function expectFailure(run: Told, { code, says, fix }: Failure): void {
	expect(run.stderr).toContain(`error[${code}]: `);
	for (const part of says) expect(run.stderr).toMatch(part);
	expect(fixesOf(run)).toMatch(fix);
	expect(run.stderr).not.toMatch(/^\s+at /m);
	expect(run.stdout).toBe("");
	expect(run.signal).toBeNull();
	expect(run.exitCode).toBe(ERROR_CODES[code]);
}

function fixesOf({ stderr }: Told): string {
	return (stderr.match(/^ {2}fix: .*$/gm) ?? []).join("\n");
}

/** A run that ended with 0 and, unless it had something to note, an empty stderr. */
export function expectSuccess(run: CliRun, notes: readonly (string | RegExp)[] = []): void {
	expect(run.exitCode, run.stderr).toBe(0);
	if (notes.length === 0) expect(run.stderr).toBe("");
	for (const note of notes) expect(run.stderr).toMatch(note);
}

/** A run that ended with 0; stderr holds notes at most, such as that toy tensors are no model. */
export function expectDone(run: Pick<CliRun, "exitCode" | "stderr">): void {
	expect(run.exitCode, run.stderr).toBe(0);
	expect(run.stderr.split("\n").filter((line) => line !== "" && !line.startsWith("note: "))).toEqual([]);
}

/** Every name below `folder`, hidden ones too, in order. */
export async function namesIn(folder: string): Promise<string[]> {
	return (await readdir(folder, { recursive: true })).sort();
}

/** Two small checkpoints that fit together, in a folder of their own. */
export interface Workspace {
	readonly folder: string;
	readonly a: string;
	readonly b: string;
	/** Path in the folder. */
	path(...names: string[]): string;
	/** Writes a checkpoint there and returns its path. */
	write(name: string, tensors: Readonly<Record<string, TestTensor>>): Promise<string>;
}

export const F32_PAIR: readonly [TestTensor, TestTensor] = [
	{ dtype: "F32", shape: [2], values: [1, 2] },
	{ dtype: "F32", shape: [2], values: [3, 6] },
];

export async function workspace(): Promise<Workspace> {
	const folder = await temporaryFolder();
	await chmod(folder, 0o777);
	const path = (...names: string[]) => join(folder, ...names);
	const write = (name: string, tensors: Readonly<Record<string, TestTensor>>) => writeCheckpoint(path(name), tensors);
	const [first, second] = F32_PAIR;
	const a = await write("a.safetensors", { weight: first, bias: first });
	const b = await write("b.safetensors", { weight: second, bias: second });
	return { folder, a, b, path, write };
}

/** What a workspace holds before anything is written to it. */
export const UNTOUCHED: readonly string[] = ["a.safetensors", "b.safetensors"];

const NOBODY = 65534;

/** Runs as a user whom permissions concern: root reads and writes everything. */
export function asOrdinaryUser(): CliOptions {
	return process.getuid?.() === 0 ? { user: NOBODY } : {};
}
