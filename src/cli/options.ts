import type { Command } from "commander";
import { ClipSoupError } from "../errors.ts";

const ON_HUB = "hf:org/name[@revision][:file]";

/** What is read as a whole model, in the words of help. */
export const MODEL = `a .safetensors file, a shard index, a folder with either, or with vision/ and text/; or ${ON_HUB}`;
/** What is read tensor by tensor. */
export const CHECKPOINT = `a .safetensors file, a shard index, a folder with either, or ${ON_HUB}`;
export const CHECKPOINTS = `.safetensors files, shard indexes, folders with either, or ${ON_HUB}`;

/** The options of every command that writes checkpoints. */
export function addDeliveryOptions(command: Command): Command {
	return command
		.option("--force", "replace output files that exist")
		.option("--no-fsync", "do not wait for the disk")
		.option("--dry-run", "check everything headers can tell, print the plan, write nothing")
		.option("--threads <n>", "worker threads (default: processors, at most 2)")
		.option("--json", "one JSON document on stdout")
		.option("--quiet", "no progress, no notes, no summary");
}

/** The option of commands that run a model, which weights on the Hub have to be copied for. */
export function addDownloadOption(command: Command): Command {
	return command.option("--download", "copy weights that are on the Hub to a temporary folder to run them");
}

/** The options that name an architecture, for which `where` says when they are needed. */
export function addArchitectureOptions(command: Command, where: string): Command {
	return command
		.option("--arch <preset>", `the architecture by name, ${where}`)
		.option(
			"--arch-config <file>",
			"the architecture by a configuration file of OpenCLIP, timm or transformers; repeatable",
			append,
		);
}

/**
 * Refuses `--name VALUE` together with `--no-name`, of which Commander makes one option whose last value counts.
 *
 * @throws {ClipSoupError} ERR_USAGE while the command line is parsed
 */
export function refuseBoth(command: Command, name: string): Command {
	const given = new Set<string>();
	for (const form of [name, `no-${name}`]) {
		command.on(`option:${form}`, () => {
			given.add(form);
			if (given.size < 2) return;
			throw new ClipSoupError("ERR_USAGE", `Cannot use --${name} with --no-${name}: expected one of them`);
		});
	}
	return command;
}

/** Gathers the values of an option that may be given several times. */
export function append(value: string, previous: readonly string[] | undefined): string[] {
	return [...(previous ?? []), value];
}
