import type { ZodType } from "zod";
import type { Watch } from "../progress.ts";
import { exitCodeOf, Interrupted, jsonError, renderError, withHelp } from "./errors.ts";
import { printable } from "./format.ts";
import { printJson } from "./json.ts";
import { showProgress } from "./progress.ts";

/** What a command's work came to, and how people read it. */
export interface CommandResult {
	/** Goes into the `--json` document. */
	readonly result: unknown;
	/** What stdout shows without `--json`. */
	readonly text: string;
	/** Said on stderr, unless quiet. */
	readonly notices: readonly string[];
	/** True if a check that was asked for failed, which ends with 1. */
	readonly hasFindings?: boolean;
}

interface OutputFlags {
	readonly json: boolean;
	readonly quiet: boolean;
}

/**
 * Runs a command's work: shows progress, turns signals into an abort, prints the result, sets the exit status.
 *
 * @param choose which flags the command has; what reads them is loaded by the commands only
 */
export async function runCommand<Flags extends OutputFlags>(
	command: string,
	raw: { readonly json?: boolean | undefined },
	choose: (all: typeof import("./flags.ts")) => ZodType<Flags>,
	work: (flags: Flags, watch: Watch) => Promise<CommandResult>,
): Promise<void> {
	try {
		const all = await import("./flags.ts");
		const flags = all.parseFlags(choose(all), raw);
		const { result, text, notices, hasFindings = false } = await watched(flags, (watch) => work(flags, watch));
		if (!flags.quiet) for (const notice of notices) process.stderr.write(`note: ${printable(notice)}\n`);
		const exitCode = hasFindings ? 1 : 0;
		if (flags.json) printJson({ command, outcome: hasFindings ? "findings" : "ok", exitCode, result });
		else process.stdout.write(text);
		process.exitCode = exitCode;
	} catch (error) {
		reportError(command, error, raw.json ?? false);
	}
}

/** Says what went wrong and sets the exit status. */
export function reportError(command: string, thrown: unknown, json: boolean): void {
	const error = withHelp(thrown, command);
	process.exitCode = exitCodeOf(error);
	process.stderr.write(renderError(error));
	if (json) printJson({ command, outcome: "error", exitCode: process.exitCode, error: jsonError(error) });
}

async function watched<T>({ quiet }: OutputFlags, work: (watch: Watch) => Promise<T>): Promise<T> {
	const controller = new AbortController();
	const stop = stopper(controller);
	process.on("SIGINT", stop);
	process.on("SIGTERM", stop);
	try {
		await using display = await showProgress({ quiet });
		const { onProgress } = display;
		return await work({ signal: controller.signal, ...(onProgress && { onProgress }) });
	} finally {
		process.removeListener("SIGINT", stop);
		process.removeListener("SIGTERM", stop);
	}
}

/** Cleaning up takes less than a second; a signal after so long means that it hangs. */
const PATIENCE_MS = 2000;

/**
 * Aborts at the first signal. Those that follow at once must not end the clean-up: npx and process managers send the one of
 * the terminal again.
 */
function stopper(controller: AbortController): (signal: "SIGINT" | "SIGTERM") => void {
	let first: number | undefined;
	return (signal) => {
		const interrupted = new Interrupted(signal);
		first ??= performance.now();
		if (performance.now() - first > PATIENCE_MS) process.exit(interrupted.exitCode);
		controller.abort(interrupted);
	};
}
