import type { Command } from "commander";
import type { AverageResult } from "../avg.ts";
import { formatBytes, formatCount, formatTable, plural, printable } from "./format.ts";
import { addArchitectureOptions, addDeliveryOptions, append, CHECKPOINTS } from "./options.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup avg a.safetensors b.safetensors
  $ clip-soup avg augreg/ rewind/ -o soup/ --digests
  $ clip-soup avg zero-shot/ fine-tuned/ --weights 0.25,0.75 -o wise-ft/
  $ clip-soup avg a/ b/ c/ --dtype bf16 --keep logit_scale=1 -o soup.safetensors
  $ clip-soup avg a/ b/ -o soup/ --dry-run`;

/** `clip-soup avg` */
export function addAverage(program: Command): void {
	const command = program
		.command("avg")
		.summary("average checkpoints into a soup")
		.description(
			"Average checkpoints of one architecture. Every element is summed in float64 in the order of the inputs and rounded once; memory does not grow with the size of the inputs.",
		)
		.argument("<inputs...>", CHECKPOINTS)
		.option("-o, --output <path>", "NAME.safetensors is a file, anything else a folder (default: soup.safetensors)")
		.option("--weights <w1,w2,...>", "one number for each input (default: uniform)")
		.option("--no-normalize", "do not divide by the sum of the weights")
		.option("--dtype <dtype>", "f64, f32, f16, bf16, f8_e4m3 or f8_e5m2 (default: as the inputs)")
		.option("--keep <name=index>", "take a tensor from one input, counted from 1; repeatable", append)
		.option("--to <layout>", "openclip, timm or hf (default: as the first input)")
		.option("--hf-dual", "hf as one folder (VisionTextDualEncoderModel), for towers that are no ViT")
		.option("--allow-nonfinite", "let NaN and Inf through")
		.option("--max-shard-size <size>", "split into shards with an index, for example 5GB")
		.option("--digests", "SHA-256 of every tensor and of each checkpoint, in the same pass")
		.option("--file-digests", "SHA-256 of whole files, in a pass of their own");
	addArchitectureOptions(command, "where layouts differ and no configuration tells it");
	addDeliveryOptions(command)
		.addHelpText("after", EXAMPLES)
		.action(async (inputs: string[], raw: { readonly json?: boolean }) => {
			await runCommand(
				"avg",
				raw,
				(flags) => flags.averageFlags,
				async ({ json: _, quiet, ...flags }, watch) => {
					const { average } = await import("../avg.ts");
					const start = performance.now();
					const result = await average(inputs, { ...flags, allowNonFinite: flags.allowNonfinite }, watch);
					const seconds = (performance.now() - start) / 1000;
					return { result, text: quiet ? "" : renderAverage(result, inputs.length, seconds), notices: result.notices };
				},
			);
		});
}

function renderAverage(result: AverageResult, inputCount: number, seconds: number): string {
	const { averaged, copied, kept } = result.tensors;
	const dtypes = Object.entries(result.dtypes).map(([dtype, tensors]) => `${dtype} × ${tensors}`);
	const treatments = [
		`${averaged} averaged`,
		...(copied ? [`${copied} copied`] : []),
		...(kept ? [`${kept} kept`] : []),
	];
	const rows = [
		["output", printable(result.output)],
		["files", result.files.map(printable).join(", ")],
		["inputs", String(inputCount)],
		["method", describeMethod(result)],
		["tensors", `${treatments.join(", ")} (${dtypes.join(", ")})`],
		["elements", formatCount(result.elements)],
		["bytes", formatBytes(result.byteLength)],
		...(result.digests ? [["digest", result.digests.output.modelDigest]] : []),
		...(result.fileDigests?.output ?? []).map(({ name, sha256 }) => ["file", `${sha256} ${printable(name)}`]),
		...(result.metadataLeftOut.length > 0
			? [["left out", `metadata that differs: ${result.metadataLeftOut.map(printable).join(", ")}`]]
			: []),
		...(result.dryRun
			? [["memory", `at most ${formatBytes(result.peakMemory)} with ${plural(result.threads, "thread")}`]]
			: [["time", `${seconds.toFixed(2)} s`]]),
	];
	return `${formatTable(rows)}\n${result.dryRun ? "dry run: nothing was written\n" : ""}`;
}

function describeMethod({ recipe: { weights, normalize } }: AverageResult): string {
	if (weights === null) return "uniform mean";
	return `${normalize ? "weighted mean" : "weighted sum"}, weights ${weights.join(", ")}`;
}
