import type { Command } from "commander";
import type { InspectedTensor, Inspection } from "../inspect.ts";
import { formatShape } from "../tensor/shape.ts";
import { formatBytes, formatCount, formatNumber, formatTable, plural, printable } from "./format.ts";
import { modelRows, renderProfile } from "./model.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup inspect soup/
  $ clip-soup inspect soup/ --data --json
  $ clip-soup inspect model.safetensors --tensors | grep logit_scale
  $ clip-soup inspect --arch convnext_xxlarge --profile`;

/** `clip-soup inspect` */
export function addInspect(program: Command): void {
	program
		.command("inspect")
		.summary("tell what a checkpoint is")
		.description(
			"Tell tensors, dtypes, layout, architecture and metadata from headers and configuration; with --data also from the bytes.",
		)
		.argument("[checkpoint]", "a .safetensors file, a shard index, a folder with either, or with vision/ and text/")
		.option("--data", "read the bytes too: digests, tied tensors, NaN and Inf, statistics")
		.option("--tensors", "list the tensors")
		.option("--profile", "count parameters, multiply-accumulates and activations of each tower")
		.option("--arch <preset>", "the architecture by name, where no configuration tells it; needs no checkpoint")
		.option("--arch-config <file>", "the architecture by an open_clip_config.json or a model_cfg")
		.option("--list-archs", "list the presets")
		.option("--threads <n>", "worker threads for --data (default: processors, at most 2)")
		.option("--json", "one JSON document on stdout; holds the tensors with --tensors")
		.option("--quiet", "no progress, no notes")
		.addHelpText("after", EXAMPLES)
		.action(async (path: string | undefined, raw: { readonly json?: boolean }) => {
			await runCommand(
				"inspect",
				raw,
				async () => (await import("./flags.ts")).inspectFlags.parse(raw),
				async (flags, watch) => {
					if (flags.listArchs) return (await import("./presets.ts")).listPresets();
					if (path === undefined) return (await import("./presets.ts")).inspectPreset(flags.arch);
					const { inspect } = await import("../inspect.ts");
					const { tensors, ...summary } = await inspect(path, flags, watch);
					const result = { ...summary, tensorCount: tensors.length, ...(flags.tensors && { tensors }) };
					const list = flags.tensors ? `\n${renderTensors(tensors)}` : "";
					return { result, text: `${renderSummary({ ...summary, tensors })}${list}`, notices: summary.notices };
				},
			);
		});
}

function renderSummary(inspection: Inspection): string {
	const { files, tensors, data, recipe } = inspection;
	const rows = [
		["checkpoint", printable(inspection.path)],
		["files", files.map(({ name, byteLength }) => `${printable(name)} (${formatBytes(byteLength)})`).join(", ")],
		...(inspection.model
			? modelRows(inspection.model, inspection.path)
			: [["layout", inspection.layout ?? "none that is known"]]),
		["tensors", String(tensors.length)],
		["parameters", `${formatCount(inspection.parameters)} (${inspection.parameters})`],
		...Object.entries(inspection.dtypes).map(([dtype, summary]) => [
			dtype,
			`${plural(summary.tensors, "tensor")}, ${formatCount(summary.elements)} elements, ${formatBytes(summary.byteLength)}`,
		]),
		...(data ? dataRows(data) : []),
		...Object.entries(inspection.metadata)
			.filter(([key]) => key !== "clip_soup" || recipe === undefined)
			.map(([key, value]) => ["metadata", `${printable(key)}: ${clip(printable(value))}`]),
		...(recipe ? recipeRows(recipe) : []),
	];
	const profile = inspection.model?.profile;
	return `${formatTable(rows)}\n${profile ? `\n${renderProfile(profile)}` : ""}`;
}

function dataRows(data: NonNullable<Inspection["data"]>): string[][] {
	return [
		["digest", data.modelDigest],
		["not finite", `${data.nan} NaN, ${data.infinite} infinite`],
		["tied", data.tied.length === 0 ? "none" : data.tied.map((names) => names.map(printable).join(" = ")).join("; ")],
	];
}

function recipeRows(recipe: NonNullable<Inspection["recipe"]>): string[][] {
	const weights = recipe.weights ? `weights ${recipe.weights.join(", ")}` : "uniform";
	return [
		["soup", `${recipe.method}, ${weights}, by clip-soup ${printable(recipe.version)}`],
		...recipe.inputs.map(({ name, files }, index) => [
			`  input ${index + 1}`,
			`${printable(name)} (${files.map((file) => formatBytes(file.byteLength)).join(" + ")})`,
		]),
	];
}

const MOST_SHOWN = 120;

function clip(text: string): string {
	return text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}… (${text.length} characters)`;
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
