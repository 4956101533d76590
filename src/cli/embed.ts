import type { Command } from "commander";
import { readSmallFile } from "../bytes/small-file.ts";
import type { Classification, EmbedResult } from "../embed.ts";
import { ClipSoupError } from "../errors.ts";
import { l2Norms, type NamedFeatures } from "../features/features.ts";
import { shortName } from "../features/input-rows.ts";
import { describeOrigin } from "../origin.ts";
import { formatNumber, formatTable, printable } from "./format.ts";
import { addArchitectureOptions, addDownloadOption, append } from "./options.ts";
import { type CommandResult, runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup embed soup/ --image cat.png --text "a photo of a cat" -o features.safetensors
  $ clip-soup embed soup/ --image pets/ -o pets.npy
  $ clip-soup embed soup/ --zero-shot --image cat.png --text cat --text dog
  $ clip-soup embed soup/ --zero-shot --image digits/ --classes names.txt --templates templates.txt --json
  $ clip-soup embed soup/ --pixel-values p.safetensors --input-ids t.safetensors -o f.safetensors`;

/** `clip-soup embed` */
export function addEmbed(program: Command): void {
	const command = program
		.command("embed")
		.summary("compute the features of pictures and texts")
		.description(
			"Compute the features of pictures and texts with ONNX Runtime, before they are normalised, and with both the logits; with --zero-shot, classify the pictures among the texts.",
		)
		.argument("<checkpoint>", "a .safetensors file, a shard index, a folder with either, or with vision/ and text/")
		.option("--image <path>", "a picture, or a folder of them; repeatable", append)
		.option("--text <text>", "a text, or with --zero-shot a class; repeatable", append)
		.option("--pixel-values <file>", "pictures that are ready, as safetensors: F32 [n, 3, size, size]")
		.option("--input-ids <file>", "texts that are ready, as safetensors: I64 [n, 77]")
		.option("-o, --output <file>", "NAME.safetensors, NAME.npy (pictures or texts, not both) or NAME.json")
		.option("--force", "replace an output file that exists")
		.option("--zero-shot", "print the probabilities of the classes for each picture")
		.option("--classes <file>", "more classes, one a line")
		.option("--templates <file>", "texts with {} for the class, one a line (default: the class alone)")
		.option("--all", "print all classes, not the first five")
		.option("--text-tower <path>", "the text tower, where the checkpoint has none")
		.option("--tokenizer <folder>", "tokenizer.json and tokenizer_config.json, where the checkpoint has none")
		.option("--logit-scale <value>", "logarithm of the temperature, where no file holds it");
	addDownloadOption(command);
	addArchitectureOptions(command, "where no configuration tells it")
		.option("--threads <n>", "threads of ONNX Runtime (default: physical cores)")
		.option("--json", "one JSON document on stdout; holds the features if no file does")
		.option("--quiet", "no notes, and no summary with -o")
		.addHelpText("after", EXAMPLES)
		.action(async (path: string, raw: { readonly json?: boolean }) => {
			await runCommand(
				"embed",
				raw,
				(flags) => flags.embedFlags,
				async ({ image: images, text: texts, classes, templates, all, ...flags }, watch): Promise<CommandResult> => {
					const { classify, embed } = await import("../embed.ts");
					if (!flags.zeroShot) return showFeatures(await embed(path, { ...flags, images, texts }, watch), flags.quiet);
					const names = [...(texts ?? []), ...(classes === undefined ? [] : await readLines(classes))];
					const lines = templates === undefined ? undefined : await readLines(templates);
					const options = { ...flags, images, classes: names, templates: lines };
					return showClasses(await classify(path, options, watch), all ? names.length : MOST_CLASSES);
				},
			);
		});
}

/** Lines that are not empty. @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_USAGE if there are none */
async function readLines(path: string): Promise<string[]> {
	const bytes = await readSmallFile(path);
	if (bytes === undefined) {
		throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot read "${path}": found no such file`, {
			fix: "check the path",
		});
	}
	const lines = bytes.toString("utf8").split(/\r?\n/);
	const filled = lines.filter((line) => line.trim() !== "");
	if (filled.length > 0) return filled;
	throw new ClipSoupError("ERR_USAGE", `Cannot use "${path}": found no line with text, expected at least one`, {
		fix: "write one a line",
	});
}

/** Rows of features that are listed; a file or `--json` has all. */
const MOST_ROWS = 20;

async function showFeatures(embedded: EmbedResult, quiet: boolean): Promise<CommandResult> {
	const { notices, path, output, ...features } = embedded;
	const { origins } = features;
	const { featuresJson } = await import("../features/formats.ts");
	const { images, texts } = features;
	const towers = [...(images ? towerRows("image", images) : []), ...(texts ? towerRows("text", texts) : [])];
	const commits = origins.map((origin) => ["commit", printable(describeOrigin(origin)), ""]);
	const rows = [...towers, ...commits, ...(output === undefined ? [] : [["output", printable(output), ""]])];
	const counts = { imageCount: images?.names.length ?? 0, textCount: texts?.names.length ?? 0 };
	const result = { path, output, ...counts, ...(output === undefined && featuresJson(features)), origins };
	// With a file, what stdout shows is only a summary.
	return { result, text: quiet && output !== undefined ? "" : `${formatTable(rows)}\n`, notices };
}

function towerRows(tower: string, features: NamedFeatures): string[][] {
	const norms = l2Norms(features);
	const { names, width } = features;
	return [
		[`${tower} features`, `${names.length} × ${width}`, "L2"],
		...names
			.slice(0, MOST_ROWS)
			.map((name, row) => ["", printable(shortName(name)), formatNumber(norms[row] ?? Number.NaN)]),
		...(names.length > MOST_ROWS ? [["", `… and ${names.length - MOST_ROWS} more`, ""]] : []),
	];
}

/** Classes of a picture that are printed without `--all`. */
const MOST_CLASSES = 5;

function showClasses({ notices, ...result }: Classification, most: number): CommandResult {
	const blocks = result.images.map(({ name, probabilities }) => {
		const ranking = result.classes
			.map((title, index) => ({ title, probability: probabilities[index] ?? Number.NaN }))
			.sort((a, b) => b.probability - a.probability)
			.slice(0, most);
		const rows = ranking.map(({ title, probability }) => [`  ${(100 * probability).toFixed(2)} %`, printable(title)]);
		return `${printable(name)}\n${formatTable(rows, [0])}\n`;
	});
	return { result, text: blocks.join(""), notices };
}
