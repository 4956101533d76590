import type { Command } from "commander";
import { isClipSoupError } from "../errors.ts";
import { describeOrigin } from "../origin.ts";
import type { Watch } from "../progress.ts";
import { unchecked } from "../reports/reported-error.ts";
import type { ReportTarget } from "../reports/targets.ts";
import { CHECKS, type CheckResult, type Finding, type Verification } from "../verification.ts";
import type { VerifyOptions } from "../verify.ts";
import { formatTable, plural, printable } from "./format.ts";
import { addArchitectureOptions, addDownloadOption, MODEL } from "./options.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup verify soup/
  $ clip-soup verify soup/ --soup-of augreg/ rewind/          recomputed, equal to the bit
  $ clip-soup verify soup/ --recover augreg/ rewind/          which mixture is this?
  $ clip-soup verify openclip/ --same-as hf/ timm/            the same function in every layout
  $ clip-soup verify hf:org/soup --soup-of hf:org/augreg hf:org/rewind      streams, stores nothing
  $ clip-soup verify soup/ --write-lock clip-soup.lock.json
  $ clip-soup verify soup/ --lock clip-soup.lock.json --report junit=verify.xml,github`;

/** Findings of one check that are printed; `--json` holds all. */
const MOST_PRINTED = 10;

/** `clip-soup verify` */
export function addVerify(program: Command): void {
	const command = program
		.command("verify")
		.summary("check that weights are what they claim to be")
		.description(
			"Check structure, numbers and configuration of a CLIP, run its forward pass, and prove what it is said to be. Ends with 1 if a check fails.",
		)
		.argument("<checkpoint>", MODEL)
		.option("--soup-of <ingredients...>", "recompute the average of these and compare every bit")
		.option("--weights <list>", "their weights (default: those of the recipe in the soup, else uniform)")
		.option("--no-normalize", "the weights were not divided by their sum")
		.option("--keep <name=index...>", "tensors that were taken from one ingredient")
		.option("--recipe <file>", "the soup.json to recompute by (default: the recipe in the soup)")
		.option("--recover <ingredients...>", "find the mixture of these that it is")
		.option("--same-as <models...>", "models in any layout that compute the same function")
		.option("--lock <file>", "check against a lock file")
		.option("--any-repo", "check against the lock of another repository on the Hub")
		.option("--write-lock <file>", "write a lock file if every check passes")
		.option("--signature <file>", "check an OpenSSF model signature of the folder")
		.option("--key <file>", "the public key of the signature, in PEM")
		.option("--ignore-unsigned", "let files be that the signature does not name")
		.option("--no-forward", "leave the forward pass out")
		.option("--tower <tower>", "run one tower only: image or text")
		.option("--cos-limit <number>", "largest 1 − cos of features that should be the same (default: by dtype)")
		.option("--text <path>", "the text tower, where the checkpoint has none")
		.option("--logit-scale <value>", "logarithm of the temperature, where no file holds it");
	addDownloadOption(command);
	addArchitectureOptions(command, "where no configuration tells it")
		.option("--report <list>", "junit=FILE, sarif=FILE, markdown=FILE, json=FILE, github, with commas")
		.option("--fail-on <level>", "what ends with 1: error, or warning too", "error")
		.option("--threads <n>", "worker threads (default: processors, at most 2)")
		.option("--json", "one JSON document on stdout, with every finding")
		.option("--quiet", "no progress, no notes")
		.addHelpText("after", EXAMPLES)
		.action(async (path: string, raw: { readonly json?: boolean }) => {
			await runCommand(
				"verify",
				raw,
				(flags) => flags.verifyFlags,
				async ({ json: _, quiet: __, failOn, report, ...flags }, watch) => {
					const targets =
						report === undefined ? [] : (await import("../reports/targets.ts")).parseReportTargets(report);
					const result = await verifyAndReport(path, flags, targets, watch);
					const hasFindings = result.checks.some((check) => isFailed(check, failOn));
					return { result, text: render(result), notices: result.notices, hasFindings };
				},
			);
		});
}

/** Reports are written however it ends: a job that looks at them must not take an older one for the answer. */
async function verifyAndReport(
	path: string,
	options: VerifyOptions,
	targets: readonly ReportTarget[],
	watch: Watch,
): Promise<Verification> {
	const { verify } = await import("../verify.ts");
	const { assertWritable, writeReports } = await import("./reports.ts");
	await assertWritable(targets);
	try {
		// A report that is kept is compared with weights later: by the model card.
		const digests = targets.some(({ kind }) => kind === "json");
		const verification = await verify(path, { ...options, digests }, watch);
		await writeReports(targets, verification);
		return verification;
	} catch (error) {
		if (isClipSoupError(error) && targets.length > 0) {
			const { containerFailure } = await import("../checks/container.ts");
			await writeReports(targets, { ...unchecked(path), checks: containerFailure(error, path) }, error);
		}
		throw error;
	}
}

function isFailed({ status, findings }: CheckResult, failOn: "error" | "warning"): boolean {
	return status === "failed" || (failOn === "warning" && findings.length > 0);
}

const MARKS: Readonly<Record<CheckResult["status"], string>> = { passed: "✓", failed: "✗", skipped: "–" };

function render({ path, description, checks, modelDigest, canonicalDigest, origins }: Verification): string {
	const head = [
		["model", printable(path)],
		...(description === undefined ? [] : [["", description]]),
		...(modelDigest === undefined ? [] : [["digest", modelDigest]]),
		...(canonicalDigest === undefined ? [] : [["canonical", canonicalDigest]]),
		...origins.map((origin) => ["commit", printable(describeOrigin(origin))]),
	];
	const lines = checks.flatMap((check) => [row(check), ...findingRows(check)]);
	return `${formatTable(head)}\n\n${lines.join("\n")}\n\n${summary(checks)}\n`;
}

function row({ check, status, detail, seconds }: CheckResult): string {
	const time = status === "skipped" ? "skipped: " : `${seconds.toFixed(2).padStart(6)} s  `;
	return `${MARKS[status]} ${check} ${CHECKS[check].name.padEnd(NAME_WIDTH)}  ${time}${printable(detail)}`;
}

const NAME_WIDTH = Math.max(...Object.values(CHECKS).map(({ name }) => name.length));

function findingRows({ findings }: CheckResult): string[] {
	const more = findings.length - MOST_PRINTED;
	return [
		...findings.slice(0, MOST_PRINTED).flatMap(findingLines),
		...(more > 0 ? [`    … and ${more} more; --json lists all`] : []),
	];
}

function findingLines({ level, message, expected, found, cause }: Finding): string[] {
	const isNews = (value: string | undefined) => value !== undefined && !message.includes(value);
	const facts = [
		...(isNews(found) ? [`found ${found}`] : []),
		...(isNews(expected) ? [`expected ${expected}`] : []),
	].join(", ");
	return [
		`    ${level}: ${printable(message)}`,
		...(facts === "" ? [] : [`      ${printable(facts)}`]),
		...(cause === undefined ? [] : [`      likely cause: ${printable(cause)}`]),
	];
}

function summary(checks: readonly CheckResult[]): string {
	const count = (status: CheckResult["status"]) => checks.filter((check) => check.status === status).length;
	const warnings = checks.flatMap(({ findings }) => findings).filter(({ level }) => level === "warning").length;
	const parts = [`${count("passed")} passed`, `${count("failed")} failed`, `${count("skipped")} skipped`];
	return `${parts.join(", ")}${warnings > 0 ? `, ${plural(warnings, "warning")}` : ""}`;
}
