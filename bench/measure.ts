import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One run of a whole process. */
export interface Run {
	readonly seconds: number;
	/** Peak resident memory in bytes; only of Node processes. */
	readonly peakRss: number | undefined;
}

const USAGE_FILE = join(tmpdir(), `clip-soup-bench-${process.pid}`);
const PRELOAD = new URL("./report-usage.js", import.meta.url).href;

/** Runs clip-soup, or bare Node, to its end. */
export function runNode(args: readonly string[]): Run {
	return run(process.execPath, ["--import", PRELOAD, ...args], { BENCH_USAGE: USAGE_FILE });
}

/** Runs Node as it is, for times so short that the preload would count. */
export function runBareNode(args: readonly string[]): Run {
	return run(process.execPath, args, {});
}

export function runShell(script: string): Run {
	return run("sh", ["-c", script], {});
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Run {
	rmSync(USAGE_FILE, { force: true });
	const start = performance.now();
	const { status, stderr } = spawnSync(command, args, {
		env: { ...process.env, ...env },
		stdio: ["ignore", "ignore", "pipe"],
		encoding: "utf8",
	});
	const seconds = (performance.now() - start) / 1000;
	if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr}`);
	const peakRss = env.BENCH_USAGE ? Number(readFileSync(USAGE_FILE, "utf8")) : undefined;
	rmSync(USAGE_FILE, { force: true });
	return { seconds, peakRss };
}

export interface Comparison {
	readonly ours: readonly Run[];
	readonly theirs: readonly Run[];
}

/**
 * Runs the two in turn, so that a drift of the machine meets both, and either as the first of a pair, since the memory that
 * a run leaves is found by the next; the first pair warms up and is not counted.
 */
export function compare(rounds: number, ours: () => Run, theirs: () => Run): Comparison {
	const pairs = Array.from({ length: rounds + 1 }, (_, round) => {
		if (round % 2 === 0) {
			const their = theirs();
			return { our: ours(), their };
		}
		return { our: ours(), their: theirs() };
	}).slice(1);
	return { ours: pairs.map(({ our }) => our), theirs: pairs.map(({ their }) => their) };
}

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	const [low = 0, high = 0] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
	return (low + high) / 2;
}

/** `0.55 (0.52–0.58)`: the median of the ratios pair by pair, and their spread. */
export function ratio({ ours, theirs }: Comparison): string {
	const ratios = ours.map(({ seconds }, index) => seconds / (theirs[index]?.seconds ?? Number.NaN));
	return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`;
}
