import { rmSync } from "node:fs";
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
const CLI = new URL("../bin/clip-soup.js", import.meta.url).pathname;

interface Scenario {
	readonly name: string;
	readonly dtype: FloatDtype;
	readonly inputs: number;
	readonly fsync: boolean;
	readonly aim: string;
}

const SCENARIOS: readonly Scenario[] = [
	{ name: "F32 n=2", dtype: "F32", inputs: 2, fsync: false, aim: "≤ 0.70" },
	{ name: "F32 n=2 fsync", dtype: "F32", inputs: 2, fsync: true, aim: "≤ 1.00" },
	{ name: "BF16 n=2", dtype: "BF16", inputs: 2, fsync: false, aim: "≤ 1.00" },
	{ name: "F16 n=2", dtype: "F16", inputs: 2, fsync: false, aim: "≤ 1.00" },
	{ name: "F16 n=5", dtype: "F16", inputs: 5, fsync: false, aim: "≤ 1.00" },
];

const HEAD = ["scenario", "GB in", "floor s", "clip-soup s", "ratio (spread)", "aim", "peak RSS MB"];

console.log(`${cpus().length} × ${cpus()[0]?.model}, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.version}`);
console.log(`median of ${ROUNDS} pairs after one warm-up; floor: cat of the inputs, then cp of one\n`);
const chosen = SCENARIOS.filter(({ name }) => name.includes(values.only));
console.log(formatTable([HEAD, ...chosen.map(measure)], [1, 2, 3, 6]));
if (values.only === "") {
	console.log(`\nmany inputs: ${manyInputs()}`);
	console.log(`start-up: clip-soup --version against node -e 0: ${startUp()}`);
}

function measure({ name, dtype, inputs, fsync, aim }: Scenario): string[] {
	const paths = Array.from({ length: inputs }, (_, number) => makeInput(FOLDER, dtype, number, values.small));
	const output = join(FOLDER, "soup.safetensors");
	const copy = join(FOLDER, "copy.safetensors");
	const result = compare(
		ROUNDS,
		() => {
			rmSync(output, { force: true });
			return runNode([CLI, "avg", ...paths, "-o", output, "--quiet", ...(fsync ? [] : ["--no-fsync"])]);
		},
		() => {
			rmSync(copy, { force: true });
			return runShell(`cat ${paths.join(" ")} >/dev/null; cp ${paths[0]} ${copy}${fsync ? `; sync ${copy}` : ""}`);
		},
	);
	for (const path of [output, copy]) rmSync(path, { force: true });
	const bytes = paths.reduce((sum, path) => sum + byteLengthOf(path), 0);
	return [name, (bytes / 1e9).toFixed(2), ...times(result), ratio(result), aim, peak(result)];
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
	const output = join(FOLDER, "soup.safetensors");
	const { seconds, peakRss } = runNode([
		CLI,
		"avg",
		...Array.from({ length: 32 }, () => path),
		"-o",
		output,
		"--quiet",
		"--no-fsync",
	]);
	rmSync(output, { force: true });
	return `n=32 F16, ${(byteLengthOf(path) / 1e6).toFixed(0)} MB each: ${seconds.toFixed(2)} s, peak RSS ${((peakRss ?? 0) / 1e6).toFixed(0)} MB`;
}

function startUp(): string {
	const result = compare(
		20,
		() => runBareNode([CLI, "--version"]),
		() => runBareNode(["-e", "0"]),
	);
	return `${times(result)[1]} s against ${times(result)[0]} s, ratio ${ratio(result)}, aim ≤ 1.5`;
}
