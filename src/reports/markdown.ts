import { describeOrigin } from "../origin.ts";
import { CHECKS, type CheckResult, type Finding, type Verification } from "../verification.ts";
import { sentenceOf, subjectName } from "./findings.ts";
import { counted, plain } from "./plain-text.ts";
import { faultsOf, type ReportedError } from "./reported-error.ts";

/** GitHub drops a job summary of more than 1024 KiB whole. */
const MOST_BYTES = 1024 * 1024;

/** Findings listed of one check. */
const MOST_FINDINGS = 50;

const MARKS: Readonly<Record<CheckResult["status"], string>> = { passed: "✅", failed: "❌", skipped: "➖" };

/** A summary for people, in GitHub's Markdown: a table of the checks, then what they found. At most 1024 KiB. */
export function markdownReport(verification: Verification, error?: ReportedError): string {
	const { checks, notices } = verification;
	const lines = [
		`## clip-soup verify: ${verdictOf(checks, error)}`,
		"",
		...headLines(verification),
		...(error === undefined ? [] : faultsOf(error).flatMap(errorLines)),
		...tableLines(checks),
		...checks.flatMap(findingLines),
		...(notices.length === 0 ? [] : ["### Notes", "", ...notices.map((notice) => `- ${markdown(notice)}`), ""]),
	];
	return withinLimit(lines);
}

function verdictOf(checks: readonly CheckResult[], error: ReportedError | undefined): string {
	if (error !== undefined) return "⚠️ could not finish";
	const failed = checks.filter(({ status }) => status === "failed").length;
	return failed > 0 ? `❌ ${counted(failed, "check")} failed` : "✅ passed";
}

function headLines({ path, description, modelDigest, canonicalDigest, origins }: Verification): string[] {
	const rows = [
		["Checkpoint", subjectName(path)],
		["Model", description],
		["Model digest", modelDigest],
		["Canonical digest", canonicalDigest],
		...origins.map((origin) => ["Commit", describeOrigin(origin)] as const),
	] as const;
	const known = rows.flatMap(([name, value]) => (value === undefined ? [] : [`- **${name}**: ${markdown(value)}`]));
	return [...known, ""];
}

function errorLines({ code, message, fix }: ReportedError): string[] {
	const cure = fix === undefined ? [] : [`> Fix: ${markdown(fix)}`];
	return [`> **${markdown(code)}**: ${markdown(message)}`, ...cure.flatMap((line) => [">", line]), ""];
}

function tableLines(checks: readonly CheckResult[]): string[] {
	if (checks.length === 0) return ["No check ran.", ""];
	const rows = checks.map(
		({ check, status, detail, seconds }) =>
			`| ${MARKS[status]} ${status} | ${check} ${CHECKS[check].name} | ${markdown(detail)} | ${seconds.toFixed(1)} s |`,
	);
	return ["| | Check | What was compared | Time |", "| --- | --- | --- | ---: |", ...rows, ""];
}

function findingLines({ check, findings }: CheckResult): string[] {
	if (findings.length === 0) return [];
	const more = findings.length - MOST_FINDINGS;
	const rest = more > 0 ? [`- … and ${more} more`] : [];
	return [
		`### ${check}: ${CHECKS[check].title}`,
		"",
		...findings.slice(0, MOST_FINDINGS).map(findingLine),
		...rest,
		"",
	];
}

function findingLine(finding: Finding): string {
	const level = finding.level === "warning" ? "warning: " : "";
	return `- ${level}${markdown(sentenceOf(finding))}`;
}

/** Whole lines from the start, as many as fit beside one that tells how many do not. */
function withinLimit(lines: readonly string[]): string {
	const text = lines.join("\n");
	if (Buffer.byteLength(text) <= MOST_BYTES) return text;
	const room = MOST_BYTES - Buffer.byteLength(cutLine(lines.length));
	let byteLength = 0;
	const count = lines.findIndex((line) => {
		byteLength += Buffer.byteLength(line) + 1;
		return byteLength > room;
	});
	return `${lines.slice(0, count).join("\n")}${cutLine(lines.length - count)}`;
}

function cutLine(count: number): string {
	return `\n\n_Cut here, ${counted(count, "line")} before the end: GitHub shows 1024 KiB._\n`;
}

/** Text from files in which nothing is markup, in a table too. */
export function markdown(text: string): string {
	return plain(text).replace(/[\\`*_[\]<>|&~#@]/g, "\\$&");
}
