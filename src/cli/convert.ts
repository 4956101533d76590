import type { Command } from "commander";
import type { ConvertResult } from "../convert.ts";
import { formatBytes, formatTable, plural, printable } from "./format.ts";
import { addArchitectureOptions, addDeliveryOptions, append, MODEL } from "./options.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup convert openclip/ --to hf -o hf/
  $ clip-soup convert hf/ --to openclip,timm -o out/           out/openclip/ and out/timm/
  $ clip-soup convert timm/ --to openclip --text text/ -o openclip/
  $ clip-soup convert open_clip_model.safetensors --arch convnext_xxlarge --to hf -o hf/`;

/** `clip-soup convert` */
export function addConvert(program: Command): void {
	const command = program
		.command("convert")
		.summary("convert a checkpoint between OpenCLIP, timm and Hugging Face")
		.description(
			"Convert a CLIP into other layouts, with the configuration files that make it load there. No value changes: tensors are renamed, cut, stacked and transposed. Layout and architecture are detected.",
		)
		.argument("<checkpoint>", MODEL)
		.requiredOption("--to <layouts>", "openclip, timm, hf, or several with commas")
		.requiredOption("-o, --output <path>", "a folder, or NAME.safetensors for the weights alone")
		.option("--text <path>", "the text tower, where the checkpoint has none")
		.option("--logit-scale <value>", "logarithm of the temperature, where no file holds it")
		.option("--drop <name>", "leave a tensor out that has no place; repeatable", append)
		.option("--hf-dual", "hf as one folder (VisionTextDualEncoderModel), for towers that are no ViT")
		.option("--weights-only", "write no configuration and no tokenizer files")
		.option("--max-shard-size <size>", "split timm and hf weights into shards with an index, for example 5GB");
	addArchitectureOptions(command, "where no configuration tells it");
	addDeliveryOptions(command)
		.addHelpText("after", EXAMPLES)
		.action(async (input: string, raw: { readonly json?: boolean }) => {
			await runCommand(
				"convert",
				raw,
				(flags) => flags.convertFlags,
				async ({ json: _, quiet, ...flags }, watch) => {
					const { convert } = await import("../convert.ts");
					const start = performance.now();
					const result = await convert(input, flags, watch);
					const seconds = (performance.now() - start) / 1000;
					return { result, text: quiet ? "" : renderConvert(result, seconds), notices: result.notices };
				},
			);
		});
}

function renderConvert(result: ConvertResult, seconds: number): string {
	const rows = [
		...result.from.map(({ path, layout, evidence }) => [
			"from",
			`${printable(path)}: ${layout}, by ${printable(evidence)}`,
		]),
		...(result.description === undefined ? [] : [["model", result.description]]),
		["to", result.targets.join(", ")],
		["output", printable(result.output)],
		["files", result.files.map(printable).join(", ")],
		["tensors", String(result.tensors)],
		["bytes", formatBytes(result.byteLength)],
		...(result.dryRun
			? [["memory", `at most ${formatBytes(result.peakMemory)} with ${plural(result.threads, "thread")}`]]
			: [["time", `${seconds.toFixed(2)} s`]]),
	];
	return `${formatTable(rows)}\n${result.dryRun ? "dry run: nothing was written\n" : ""}`;
}
