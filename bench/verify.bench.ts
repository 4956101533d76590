import { rmSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatTable } from "../src/cli/format.ts";
import type { FloatDtype } from "../src/tensor/dtype.ts";
import { prepareBareForward } from "./forward.ts";
import { makeInput } from "./inputs.ts";
import { type Comparison, compare, median, type Run, ratio, runNode, runShell } from "./measure.ts";

const { values } = parseArgs({
	options: { rounds: { type: "string", default: "5" }, folder: { type: "string", default: "out/bench" } },
});
const ROUNDS = Number(values.rounds);
const FOLDER = resolve(values.folder);
const CLI = new URL("../bin/clip-soup.js", import.meta.url).pathname;
const BARE = new URL("./bare-forward.js", import.meta.url).pathname;
const ARCH = "convnext_xxlarge";
const HEAD = ["scenario", "floor s", "clip-soup s", "ratio (spread)", "aim", "peak RSS MB"];

console.log(`${cpus().length} × ${cpus()[0]?.model}, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.version}`);
console.log(`median of ${ROUNDS} pairs after one warm-up; ConvNeXt-XXLarge, 256 × 256, 2 pictures and 3 texts\n`);
console.log(formatTable([HEAD, await forward("F32"), ...soups()], [1, 2, 5]));
for (const dtype of ["F16", "BF16"] as const) console.log(`\nverify ${dtype}: ${describe(runVerify(path(dtype, 0)))}`);

/** Both towers against sessions and runs of the same graphs by bare ONNX Runtime. */
async function forward(dtype: FloatDtype): Promise<string[]> {
	const input = path(dtype, 0);
	const list = await prepareBareForward(input, ARCH, join(FOLDER, "bare"));
	const result = compare(
		ROUNDS,
		() => runVerify(input),
		() => runNode([BARE, list]),
	);
	return [`verify ${dtype}, both towers`, ...times(result), ratio(result), "≤ 1.20", peak(result)];
}

/** The proof of a soup against reading its three files, and against making it. */
function soups(): string[][] {
	const inputs = [path("F32", 0), path("F32", 1)];
	const soup = join(FOLDER, "soup.safetensors");
	const average = ["avg", ...inputs, "-o", soup, "--force", "--quiet", "--no-fsync"];
	runNode([CLI, ...average]);
	const verify = () =>
		runNode([CLI, "verify", soup, "--soup-of", ...inputs, "--arch", ARCH, "--no-forward", "--quiet"]);
	const reading = compare(ROUNDS, verify, () => runShell(`cat ${inputs.join(" ")} ${soup} >/dev/null`));
	const making = compare(ROUNDS, verify, () => runNode([CLI, ...average]));
	rmSync(soup);
	return [
		["verify --soup-of, cat of three", ...times(reading), ratio(reading), "–", peak(reading)],
		["verify --soup-of, avg of two", ...times(making), ratio(making), "≤ 1.20", peak(making)],
	];
}

function runVerify(input: string): Run {
	return runNode([CLI, "verify", input, "--arch", ARCH, "--quiet"]);
}

function path(dtype: FloatDtype, number: number): string {
	return makeInput(FOLDER, dtype, number, false);
}

function times({ ours, theirs }: Comparison): string[] {
	return [theirs, ours].map((runs) => median(runs.map(({ seconds }) => seconds)).toFixed(2));
}

function peak({ ours }: Comparison): string {
	return (Math.max(...ours.map(({ peakRss }) => peakRss ?? 0)) / 1e6).toFixed(0);
}

function describe({ seconds, peakRss = 0 }: Run): string {
	return `${seconds.toFixed(2)} s, peak RSS ${(peakRss / 1e6).toFixed(0)} MB`;
}
