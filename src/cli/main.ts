import { Command, CommanderError } from "commander";
import { ClipSoupError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { addAverage } from "./avg.ts";
import { addCard } from "./card.ts";
import { addConvert } from "./convert.ts";
import { addDiff } from "./diff.ts";
import { addEmbed } from "./embed.ts";
import { addExportOnnx } from "./export-onnx.ts";
import { addInspect } from "./inspect.ts";
import { addPublish } from "./publish.ts";
import { reportError } from "./run.ts";
import { addSign } from "./sign.ts";
import { addVerify } from "./verify.ts";

const EXAMPLES = `
Examples:
  $ clip-soup avg a.safetensors b.safetensors        uniform soup, to soup.safetensors
  $ clip-soup avg augreg/ rewind/ -o soup/           folders: configuration and tokenizer come along
  $ clip-soup convert soup/ --to hf,timm -o out/     other layouts, loadable as they are
  $ clip-soup inspect soup/ --data                   what is in it, with NaN, Inf and tied tensors
  $ clip-soup diff soup/ augreg/                     how far two checkpoints are apart

Exit status: 0 done or equal, 1 findings, 2 usage, 3 input, 4 refused, 5 permission, 6 network, 7 the Hub moved,
8 published and not verified, 9 disk, 70 bug, 130 interrupted.
Errors have codes; docs/errors.md tells cause and cure of each.`;

/** In the order in which help lists them. */
const COMMANDS = [
	addAverage,
	addConvert,
	addVerify,
	addPublish,
	addCard,
	addSign,
	addEmbed,
	addExportOnnx,
	addInspect,
	addDiff,
];

/** Runs the command line; the exit status is left in `process.exitCode`. */
export async function main(args: readonly string[]): Promise<void> {
	watchStreams();
	// Node by itself would end with 1, which stands for findings.
	process.on("uncaughtException", (error) => {
		reportError("", error, false);
		process.exit();
	});
	const program = new Command("clip-soup")
		.description("Average, convert, verify and publish CLIP weights: streams safetensors, exact to the bit")
		.version(VERSION, "-V, --version")
		.helpCommand(false)
		.addHelpText("after", EXAMPLES)
		.exitOverride()
		.configureOutput({ writeErr: () => {} });
	for (const add of COMMANDS) add(program);
	if (args.length === 0) {
		process.stderr.write(program.helpInformation());
		process.exitCode = 2;
		return;
	}
	try {
		await program.parseAsync(args, { from: "user" });
	} catch (error) {
		if (error instanceof CommanderError && error.exitCode === 0) return;
		reportError(commandOf(program, args), error, args.includes("--json"));
	}
}

/** The command that was asked for, as far as it is one. */
function commandOf(program: Command, args: readonly string[]): string {
	const asked = args.find((arg) => !arg.startsWith("-"));
	return program.commands.find((command) => command.name() === asked)?.name() ?? "";
}

/**
 * Ends the run when stdout takes no more. A reader that closed the pipe, as `head` does, has seen enough; anything else
 * loses the result and is an error. What stderr does not take is lost, and the exit status tells.
 */
function watchStreams(): void {
	process.stderr.on("error", () => {});
	process.stdout.on("error", (error: NodeJS.ErrnoException) => {
		if (error.code === "EPIPE") process.exit();
		const message = `Cannot write the result to stdout: the system says ${error.code}`;
		const fix = "check where stdout goes; the output files of avg are in place";
		reportError("", new ClipSoupError("ERR_IO", message, { fix, cause: error }), false);
		process.exit();
	});
}
