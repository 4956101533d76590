import { FaultsError, isClipSoupError } from "../errors.ts";
import { appendText } from "../output/append.ts";
import type { PublishResult } from "../publish.ts";
import { annotationCommand } from "../reports/github.ts";
import { formatBytes } from "./format.ts";

/** Adds the outcome to the job's summary and outputs on GitHub Actions, where it has them. */
export async function reportPublish({ plan, receipt, notices }: PublishResult): Promise<void> {
	for (const notice of notices) annotate("warning", "clip-soup publish", [notice]);
	const { GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output } = process.env;
	const sent = plan.files.filter(({ action }) => action !== "keep");
	const lines = [
		`### ${receipt === undefined ? "Plan for" : "Published"} ${code(plan.repo)}`,
		"",
		...(receipt === undefined ? [] : [`Commit [${receipt.commit.slice(0, 12)}](${receipt.url})`]),
		...(receipt?.pullRequest ? [`, pull request [${receipt.pullRequest.number}](${receipt.pullRequest.url})`] : []),
		"",
		"| file | action | size | sha256 |",
		"| --- | --- | ---: | --- |",
		...sent.map(
			({ path, action, byteLength, sha256 }) =>
				`| ${code(path)} | ${action} | ${formatBytes(byteLength)} | ${sha256 === undefined ? "" : code(sha256)} |`,
		),
		"",
	];
	if (summary) await appendText(summary, `${lines.join("\n")}\n`);
	if (output && receipt !== undefined) await appendText(output, outputsOf(receipt));
}

/** Annotates the run with what went wrong. */
export async function reportRefusal(error: unknown): Promise<void> {
	const faults = error instanceof FaultsError ? error.faults : isClipSoupError(error) ? [error] : [];
	// GitHub shows 10 annotations of a type for each step and drops the rest.
	for (const { code: title, message, fix } of faults.slice(0, 10)) {
		annotate("error", title, fix === undefined ? [message] : [message, `fix: ${fix}`]);
	}
}

/** Commit, pull request and digest hold no line breaks: the Hub's own forms were checked. */
function outputsOf({ commit, pullRequest, modelDigest }: NonNullable<PublishResult["receipt"]>): string {
	return [`commit=${commit}`, `pr-url=${pullRequest?.url ?? ""}`, `model-digest=${modelDigest ?? ""}`, ""].join("\n");
}

function annotate(type: "error" | "warning", title: string, message: readonly string[]): void {
	process.stderr.write(`${annotationCommand({ type, title, message })}\n`);
}

/** Inline code in a table. */
function code(text: string): string {
	return `\`${text.replaceAll("`", "'").replaceAll("|", "\\|")}\``;
}
