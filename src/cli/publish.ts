import type { Command } from "commander";
import type { PublishResult } from "../publish.ts";
import { Interrupted } from "./errors.ts";
import { append, refuseBoth } from "./options.ts";
import { confirmPlan, readTokenFromStdin } from "./publish-input.ts";
import { reportPublish, reportRefusal } from "./publish-report.ts";
import { renderLeft, renderPublish } from "./publish-text.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup publish soup/ --repo org/soup --license mit --dry-run
  $ clip-soup publish soup/ --repo org/soup --create               a new repository is private
  $ clip-soup publish soup/ --repo org/soup --tag v1               an existing one gets a pull request
  $ clip-soup publish soup/ --repo org/soup --dry-run --plan-out plan.json
  $ clip-soup publish soup/ --repo org/soup --plan plan.json --json
The token comes from HF_TOKEN, the file that \`hf auth login\` writes, or OIDC (HF_OIDC_RESOURCE); docs/publishing.md.`;

/** `clip-soup publish` */
export function addPublish(program: Command): void {
	const command = program
		.command("publish")
		.summary("publish a checkpoint's folder to the Hub, checked before and after")
		.description(
			"Plan, check, upload, commit once, read back what others will get, then tag. Run again after an interruption, it sends what is missing.",
		)
		.argument("<folder>", "the folder of a checkpoint")
		.requiredOption("--repo <org/name>", "the model repository")
		.option("--dry-run", "look at everything, print the plan, send nothing")
		.option("--plan-out <file>", "write the plan; of what is there only a plan is replaced")
		.option("--plan <file>", "carry out this plan, or nothing if a file or the repository moved since")
		.option("--create", "make the repository if there is none")
		.option("--private", "make it private, and refuse a public one (default for new ones)")
		.option("--public", "make it public, and refuse a private one")
		.option("--pr", "open a pull request (default where the repository holds something)")
		.option("--branch <name>", "commit to this branch, made from main if need be")
		.option("--push", "commit to main")
		.option("--tag <name>", "tag the commit once it is verified; no tag is ever moved")
		.option("--prune", "remove files that are on the Hub only")
		.option("--include <glob>", "publish these files too (repeatable)", append)
		.option("--allow-pickle", "publish pickles too, which can run code when they are loaded")
		.option("--license <id>", "the licence, where neither the card names it nor all ingredients have one")
		.option("--card <file>", "the author's text of the model card (default: that on the Hub, or the folder's)")
		.option("--no-card", "make no model card")
		.option("--results <file>", "evaluation results for the card, JSON (default: those of the card that exists)")
		.option("--notes <file>", "Markdown on the training for the card (default: those of the card that exists)")
		.option(
			"--ingredients <paths...>",
			"where the ingredients are, in the recipe's order: paths, or hf:org/name@commit",
		)
		.option("--lock <file>", "the lock to check against and to publish (default: clip-soup.lock.json in the folder)")
		.option("--no-lock", "do without a lock")
		.option("--verify-remote <depth>", "what to read back: header, sample[:K], full or off (default: sample:16)")
		.option("--seed <n>", "chooses the tensors that are read back (default: at random)")
		.option("--receipt <file>", "where the receipt goes (default: <folder>.receipt.json beside the folder)")
		.option("--retries <n>", "tries after a failure that may pass (default: 5)")
		.option("--no-resume", "digest all files again, and keep no journal of that")
		.option("--token-file <file>", "a file that holds the token")
		.option("--token-stdin", "read the token from stdin")
		.option("--endpoint <url>", "another Hub (default: HF_ENDPOINT, else https://huggingface.co)")
		.option("--yes", "do not ask on a terminal")
		.option("--report <kind>", "github: annotations, job summary and step outputs")
		.option("--json", "one JSON document on stdout")
		.option("--quiet", "no progress, no notes, no summary");
	for (const name of ["card", "lock"]) refuseBoth(command, name);
	command
		.addHelpText("after", EXAMPLES)
		.action(async (folder: string, raw: { readonly json?: boolean; readonly report?: string }) => {
			await runCommand(
				"publish",
				raw,
				(flags) => flags.publishFlags,
				async ({ json, quiet, ...flags }, watch) => {
					const { publish } = await import("../publish.ts");
					const { retries, tokenFile, tokenStdin, endpoint, card, lock, resume, yes, report, ...rest } = flags;
					const options = {
						...rest,
						...(typeof card === "string" ? { card } : { noCard: card === false }),
						...(typeof lock === "string" ? { lock } : { noLock: lock === false }),
						noResume: !resume,
						confirm: yes || json || quiet ? undefined : confirmPlan,
						hub: {
							endpoint,
							tokenFile,
							tokenText: tokenStdin ? await readTokenFromStdin() : undefined,
							onSecret: maskSecret,
							...(retries !== undefined && { retry: { retries } }),
						},
					};
					const onHub = new Map<string, string>();
					const noted = { ...options, onHub: (part: string, state: string) => void onHub.set(part, state) };
					const done = await publish(folder, noted, watch).catch(async (error: unknown) => {
						if (report !== undefined) await reportRefusal(error);
						throw error instanceof Interrupted ? error.leaving(renderLeft([...onHub.values()])) : error;
					});
					if (report !== undefined) await reportPublish(done);
					return { result: withoutNotices(done), text: quiet ? "" : renderPublish(done), notices: done.notices };
				},
			);
		});
}

/** Tells GitHub Actions to blot a secret out of the log. On stderr: stdout may go to a file that is kept. */
function maskSecret(value: string): void {
	if (process.env.GITHUB_ACTIONS === "true") process.stderr.write(`::add-mask::${value}\n`);
}

function withoutNotices({ notices: _, ...result }: PublishResult): Omit<PublishResult, "notices"> {
	return result;
}
