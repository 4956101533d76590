import type { Command } from "commander";
import { printable } from "./format.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup card soup/ --license mit
  $ clip-soup card soup/ -o soup/README.md --repo org/my-soup --notes training.md --results results.json
  $ clip-soup card soup/ -o soup/README.md --ingredients hf:org/augreg hf:org/rewind
  $ clip-soup card soup/ -o soup/README.md --force               your own text stays`;

/** `clip-soup card` */
export function addCard(program: Command): void {
	program
		.command("card")
		.summary("write the model card from recipe, lock and verification")
		.description(
			"Write the model card of a checkpoint for the Hub: lineage, recipe, the command that makes it again, profile, verification, citations. What is generated stands between markers; of a card that exists, everything else stays as it is.",
		)
		.argument("<checkpoint>", "a folder with weights; recipe, clip-soup.lock.json and verify.json in it are read")
		.option("-o, --output <file>", "the card to write or, with --force, to change (default: stdout)")
		.option("--license <id>", "the licence, such as mit (default: that of the card, or of all ingredients)")
		.option("--repo <id>", "the repository it is for: namespace/name")
		.option(
			"--ingredients <paths...>",
			"where the ingredients are, in the recipe's order: paths, or hf:org/name@commit",
		)
		.option("--results <file>", "evaluation results, JSON: docs/card.md tells its form (default: those there are)")
		.option("--notes <file>", "Markdown on the training, carried as it is (default: that there is)")
		.option("--force", "change a card that exists: the generated section, and the keys that are ours")
		.option("--no-fsync", "do not wait for the disk")
		.option("--json", "one JSON document on stdout")
		.option("--quiet", "no notes")
		.addHelpText("after", EXAMPLES)
		.action(async (folder: string, raw: { readonly json?: boolean }) => {
			await runCommand(
				"card",
				raw,
				(flags) => flags.cardFlags,
				async ({ json: _, quiet, ...flags }, watch) => {
					const { card } = await import("../card.ts");
					const result = await card(folder, flags, watch);
					const written = quiet ? "" : `card  ${printable(result.output ?? "")}\n`;
					return { result, text: result.output === undefined ? result.text : written, notices: result.notices };
				},
			);
		});
}
