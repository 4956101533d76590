import { CommanderError } from "commander";
import { ClipSoupError, FaultsError, isClipSoupError } from "../errors.ts";
import { plural, printable } from "./format.ts";

/** Faults of one kind that are printed; `--json` holds all. */
const MOST_PRINTED = 10;

const BUG_EXIT_CODE = 70;
const BUG_REPORT = "this is a bug in clip-soup: please report it with this text and the command line";

/** Why a run was stopped from outside. */
export class Interrupted extends Error {
	override readonly name = "Interrupted";
	readonly exitCode: number;
	readonly #signal: "SIGINT" | "SIGTERM";

	/** @param left what the run leaves, which only a publish has */
	constructor(signal: "SIGINT" | "SIGTERM", left = "nothing was left under the output's name") {
		super(`Interrupted by ${signal}: ${left}`);
		this.#signal = signal;
		this.exitCode = signal === "SIGINT" ? 130 : 143;
	}

	/** The same with what is left. */
	leaving(left: string): Interrupted {
		return new Interrupted(this.#signal, left);
	}
}

/** Exit status for anything that was thrown. */
export function exitCodeOf(error: unknown): number {
	if (isClipSoupError(error) || error instanceof Interrupted) return error.exitCode;
	return BUG_EXIT_CODE;
}

/** What stderr shows of anything that was thrown. */
export function renderError(error: unknown): string {
	if (error instanceof Interrupted) return `${error.message}\n`;
	if (error instanceof FaultsError) return renderFaults(error);
	if (isClipSoupError(error)) return renderFault(error);
	const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
	return `error[ERR_INTERNAL]: ${stack}\n  fix: ${BUG_REPORT}\n`;
}

function renderFaults({ faults, message }: FaultsError): string {
	const sections = [...groupByCode(faults)].map(([code, group]) => {
		const more = group.length - MOST_PRINTED;
		const rest = more > 0 ? `  … and ${more} more ${code}; --json lists all\n` : "";
		return renderGroup(group.slice(0, MOST_PRINTED)) + rest;
	});
	return `${sections.join("")}${message}: ${plural(faults.length, "fault")}\n`;
}

/** One after the other; a cure that several have in common is told once, after the last of them. */
function renderGroup(faults: readonly ClipSoupError[]): string {
	return faults.map((fault, index) => renderFault(fault, fault.fix === faults[index + 1]?.fix)).join("");
}

function groupByCode(faults: readonly ClipSoupError[]): Map<string, ClipSoupError[]> {
	const groups = new Map<string, ClipSoupError[]>();
	for (const fault of faults) {
		const group = groups.get(fault.code);
		if (group) group.push(fault);
		else groups.set(fault.code, [fault]);
	}
	return groups;
}

function renderFault({ code, message, fix }: ClipSoupError, isFixLater = false): string {
	const cure = fix === undefined || isFixLater ? "" : `  fix: ${printable(fix)}\n`;
	return `error[${code}]: ${printable(message)}\n${cure}`;
}

/**
 * A usage error that knows no better cure, with the help of its command as one. Those that commander found get our words
 * and our code.
 *
 * @param command name, or empty if it is none that is known
 */
export function withHelp(error: unknown, command: string): unknown {
	const fix = ["see clip-soup", command, "--help"].filter((word) => word !== "").join(" ");
	if (error instanceof CommanderError) {
		const found = error.message.replace(/^error: /, "").replaceAll("'", '"');
		return new ClipSoupError("ERR_USAGE", `Cannot read the command line: ${found}`, { fix });
	}
	if (!isClipSoupError(error) || error.code !== "ERR_USAGE" || error.fix !== undefined) return error;
	return new ClipSoupError(error.code, error.message, { fix, details: error.details, cause: error });
}

/** The `error` of a `--json` document. */
export function jsonError(error: unknown): unknown {
	if (error instanceof FaultsError) {
		const { code, message, fix, faults } = error;
		return { code, message, fix, details: { faults: faults.map(jsonError) } };
	}
	if (isClipSoupError(error)) {
		const { code, message, fix, details } = error;
		return { code, message, fix, details };
	}
	const message = error instanceof Error ? error.message : String(error);
	if (error instanceof Interrupted) return { code: "ERR_INTERRUPTED", message, details: {} };
	return { code: "ERR_INTERNAL", message, fix: BUG_REPORT, details: {} };
}
