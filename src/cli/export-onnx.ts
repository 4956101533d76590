import type { Command } from "commander";
import type { ExportOnnxResult } from "../export-onnx.ts";
import { describeOrigin } from "../origin.ts";
import { formatBytes, formatTable, printable } from "./format.ts";
import { addArchitectureOptions, addDownloadOption } from "./options.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup export-onnx soup/ -o soup/model.onnx              points into soup/'s own weights
  $ clip-soup export-onnx soup/ -o out/model.onnx               copies them beside it
  $ clip-soup export-onnx soup/ --tower image -o soup/image.onnx`;

/** `clip-soup export-onnx` */
export function addExportOnnx(program: Command): void {
	const command = program
		.command("export-onnx")
		.summary("write the forward pass as an ONNX model")
		.description(
			"Write the forward pass as an ONNX model: pixel_values and input_ids in, image_features, text_features (not normalised) and logits_per_image out. The weights stay safetensors.",
		)
		.argument("<checkpoint>", "a .safetensors file, a shard index, a folder with either, or with vision/ and text/")
		.requiredOption("-o, --output <file>", "the .onnx file; weights outside of its folder are copied into it")
		.option("--tower <tower>", "one tower only: image or text")
		.option("--text <path>", "the text tower, where the checkpoint has none")
		.option("--logit-scale <value>", "logarithm of the temperature, where no file holds it");
	addDownloadOption(command);
	addArchitectureOptions(command, "where no configuration tells it")
		.option("--force", "replace output files that exist")
		.option("--no-fsync", "do not wait for the disk")
		.option("--json", "one JSON document on stdout")
		.option("--quiet", "no progress, no notes, no summary")
		.addHelpText("after", EXAMPLES)
		.action(async (path: string, raw: { readonly json?: boolean }) => {
			await runCommand(
				"export-onnx",
				raw,
				(flags) => flags.exportOnnxFlags,
				async ({ json: _, quiet, ...flags }, watch) => {
					const { exportOnnx } = await import("../export-onnx.ts");
					const result = await exportOnnx(path, flags, watch);
					return { result, text: quiet ? "" : render(result), notices: result.notices };
				},
			);
		});
}

function render({ description, output, towers, weights, copiedByteLength, origins }: ExportOnnxResult): string {
	const copied = copiedByteLength > 0 ? `${formatBytes(copiedByteLength)} copied` : "in place, nothing copied";
	return `${formatTable([
		["model", description],
		...origins.map((origin) => ["commit", printable(describeOrigin(origin))]),
		["output", printable(output)],
		["towers", towers.join(", ")],
		["weights", `${weights.map(printable).join(", ")}: ${copied}`],
	])}\n`;
}
