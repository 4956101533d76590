import { mkdirSync, rmSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatTable } from "../src/cli/format.ts";
import type { FloatDtype } from "../src/tensor/dtype.ts";
import { byteLengthOf, makeInput } from "./inputs.ts";
import { type Comparison, compare, median, ratio, runBareNode, runNode, runShell } from "./measure.ts";

const { values } = parseArgs({
	options: {
		small: { type: "boolean", default: false },
		rounds: { type: "string", default: "5" },
		folder: { type: "string", default: "out/bench" },
		only: { type: "string", default: "" },
	},
});
const ROUNDS = Number(values.rounds);
const FOLDER = resolve(values.folder);
const OUTPUT = join(FOLDER, "output");
const COPY = join(FOLDER, "copy.safetensors");
const CLI = new URL("../bin/clip-soup.js", import.meta.url).pathname;

/** A command against the floor: `cat` of the inputs, unless it reads one only, and `cp` of one. */
interface Scenario {
	readonly name: string;
	readonly dtype: FloatDtype;
	readonly inputs: number;
	readonly fsync: boolean;
	readonly aim: string;
	readonly args: (paths: readonly string[]) => readonly string[];
}

const average = (paths: readonly string[]) => ["avg", ...paths, "-o", join(OUTPUT, "soup.safetensors")];
const convert = (to: string) => (paths: readonly string[]) => {
	return ["convert", ...paths, "--arch", "convnext_xxlarge", "--to", to, "-o", join(OUTPUT, "model")];
};

const SCENARIOS: readonly Scenario[] = [
	{ name: "avg F32 n=2", dtype: "F32", inputs: 2, fsync: false, aim: "≤ 0.70", args: average },
	{ name: "avg F32 n=2 fsync", dtype: "F32", inputs: 2, fsync: true, aim: "≤ 1.00", args: average },
	{ name: "avg BF16 n=2", dtype: "BF16", inputs: 2, fsync: false, aim: "≤ 1.00", args: average },
	{ name: "avg F16 n=2", dtype: "F16", inputs: 2, fsync: false, aim: "≤ 1.00", args: average },
	{ name: "avg F16 n=5", dtype: "F16", inputs: 5, fsync: false, aim: "≤ 1.00", args: average },
	{ name: "convert F32 to hf", dtype: "F32", inputs: 1, fsync: false, aim: "≤ 1.00", args: convert("hf") },
	{ name: "convert F32 to hf fsync", dtype: "F32", inputs: 1, fsync: true, aim: "≤ 1.00", args: convert("hf") },
];

const HEAD = ["scenario", "GB in", "floor s", "clip-soup s", "ratio (spread)", "aim", "peak RSS MB"];

console.log(`${cpus().length} × ${cpus()[0]?.model}, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.version}`);
console.log(`median of ${ROUNDS} pairs after one warm-up; floor: cat of two or more inputs, then cp of one\n`);
// A tenth of the tensors is no model that could be converted.
const possible = SCENARIOS.filter(({ inputs }) => !values.small || inputs > 1);
const chosen = possible.filter(({ name }) => name.includes(values.only));
console.log(formatTable([HEAD, ...chosen.map(measure)], [1, 2, 3, 6]));
if (values.only === "") {
	console.log(`\nmany inputs: ${manyInputs()}`);
	console.log(`start-up: clip-soup --version against node -e 0: ${startUp()}`);
}

function measure({ name, dtype, inputs, fsync, aim, args }: Scenario): string[] {
	const paths = Array.from({ length: inputs }, (_, number) => makeInput(FOLDER, dtype, number, values.small));
	const read = inputs > 1 ? `cat ${paths.join(" ")} >/dev/null; ` : "";
	const result = compare(
		ROUNDS,
		() => {
			makeRoom();
			return runNode([CLI, ...args(paths), "--quiet", ...(fsync ? [] : ["--no-fsync"])]);
		},
		() => {
			makeRoom();
			return runShell(`${read}cp ${paths[0]} ${COPY}${fsync ? `; sync ${COPY}` : ""}`);
		},
	);
	makeRoom();
	const bytes = paths.reduce((sum, path) => sum + byteLengthOf(path), 0);
	return [name, (bytes / 1e9).toFixed(2), ...times(result), ratio(result), aim, peak(result)];
}

/** Removes what the run before has written, and waits for the disk: both sides write to new files on a disk at rest. */
function makeRoom(): void {
	for (const path of [OUTPUT, COPY]) rmSync(path, { recursive: true, force: true });
	mkdirSync(OUTPUT, { recursive: true });
	runShell("sync");
}

function times({ ours, theirs }: Comparison): string[] {
	return [theirs, ours].map((runs) => median(runs.map(({ seconds }) => seconds)).toFixed(2));
}

function peak({ ours }: Comparison): string {
	return (Math.max(...ours.map(({ peakRss }) => peakRss ?? 0)) / 1e6).toFixed(0);
}

/** Memory at the most inputs the bound is stated for: the same file 32 times, at a tenth of the size. */
function manyInputs(): string {
	const path = makeInput(FOLDER, "F16", 0, true);
	makeRoom();
	const paths = Array.from({ length: 32 }, () => path);
	const { seconds, peakRss } = runNode([CLI, ...average(paths), "--quiet", "--no-fsync"]);
	makeRoom();
	const size = `${(byteLengthOf(path) / 1e6).toFixed(0)} MB`;
	return `n=32 F16, ${size} each: ${seconds.toFixed(2)} s, peak RSS ${((peakRss ?? 0) / 1e6).toFixed(0)} MB`;
}

function startUp(): string {
	const result = compare(
		20,
		() => runBareNode([CLI, "--version"]),
		() => runBareNode(["-e", "0"]),
	);
	const [bare, ours] = times(result);
	return `${ours} s against ${bare} s, ratio ${ratio(result)}, aim ≤ 1.5`;
}
