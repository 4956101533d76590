import type { Command } from "commander";
import type { InspectedTensor } from "../inspect.ts";
import { formatShape } from "../tensor/shape.ts";
import { formatNumber, formatTable, printable } from "./format.ts";
import { append, MODEL } from "./options.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup inspect soup/
  $ clip-soup inspect soup/ --data --json
  $ clip-soup inspect model.safetensors --tensors | grep logit_scale
  $ clip-soup inspect --arch convnext_xxlarge --profile
  $ clip-soup inspect --arch-config config.json --profile`;

/** `clip-soup inspect` */
export function addInspect(program: Command): void {
	program
		.command("inspect")
		.summary("tell what a checkpoint is")
		.description(
			"Tell tensors, dtypes, layout, architecture and metadata from headers and configuration; with --data also from the bytes.",
		)
		.argument("[checkpoint]", MODEL)
		.option("--data", "read the bytes too: digests, tied tensors, NaN and Inf, statistics")
		.option("--tensors", "list the tensors")
		.option("--profile", "count parameters, multiply-accumulates and activations of each tower")
		.option("--arch <preset>", "the architecture by name, where no configuration tells it; needs no checkpoint")
		.option(
			"--arch-config <file>",
			"the architecture by a configuration file of OpenCLIP, timm or transformers; repeatable",
			append,
		)
		.option("--list-archs", "list the presets")
		.option("--threads <n>", "worker threads for --data (default: processors, at most 2)")
		.option("--json", "one JSON document on stdout; holds the tensors with --tensors")
		.option("--quiet", "no progress, no notes")
		.addHelpText("after", EXAMPLES)
		.action(async (path: string | undefined, raw: { readonly json?: boolean }) => {
			await runCommand(
				"inspect",
				raw,
				(flags) => flags.inspectFlags,
				async (flags, watch) => {
					if (flags.listArchs) return (await import("./presets.ts")).listPresets();
					if (path === undefined) return (await import("./presets.ts")).inspectArchitecture(flags, watch);
					const { inspect } = await import("../inspect.ts");
					const { renderSummary } = await import("./summary.ts");
					const { tensors, ...summary } = await inspect(path, flags, watch);
					const result = { ...summary, tensorCount: tensors.length, ...(flags.tensors && { tensors }) };
					const list = flags.tensors ? `\n${renderTensors(tensors)}` : "";
					return { result, text: `${renderSummary({ ...summary, tensors })}${list}`, notices: summary.notices };
				},
			);
		});
}

function renderTensors(tensors: readonly InspectedTensor[]): string {
	const hasStatistics = tensors.some(({ statistics }) => statistics !== undefined);
	const head = ["tensor", "dtype", "shape", "bytes", ...(hasStatistics ? ["min", "max", "mean", "std", "l2"] : [])];
	const rows = tensors.map(({ name, dtype, shape, byteLength, statistics }) => [
		printable(name),
		dtype,
		formatShape(shape),
		String(byteLength),
		...(statistics
			? [statistics.min, statistics.max, statistics.mean, statistics.std, statistics.l2].map(formatNumber)
			: []),
	]);
	return `${formatTable([head, ...rows], [3, 4, 5, 6, 7, 8])}\n`;
}
