import { CHECKS, type CheckId, type CheckResult, type Finding, type Verification } from "../verification.ts";
import { sentenceOf, subjectName } from "./findings.ts";
import { counted, plain } from "./plain-text.ts";
import { faultsOf, type ReportedError } from "./reported-error.ts";

/** Tensors of one check that become test cases of their own: viewers stall on thousands. */
const MOST_TENSOR_CASES = 100;

/** Findings told in the body of one test case. */
const MOST_LINES = 100;

interface TestCase {
	readonly group: string;
	readonly name: string;
	readonly seconds: number;
	readonly outcome?: {
		readonly kind: "failure" | "error" | "skipped";
		readonly type?: string;
		readonly message: string;
		readonly lines?: readonly string[];
	};
	/** Warnings, which fail nothing. */
	readonly output?: readonly string[];
}

/**
 * JUnit XML: one test case a check, one more for each tensor that fails, and an error for what ended the run.
 *
 * Written to the form that Jenkins, GitLab and Surefire have in common; it holds no time of day and no machine.
 */
export function junitReport(verification: Verification, error?: ReportedError): string {
	const cases = [
		...verification.checks.flatMap(casesOf),
		...(error === undefined ? [] : faultsOf(error).map(errorCase)),
	];
	const count = (kind: string) => cases.filter(({ outcome }) => outcome?.kind === kind).length;
	const time = formatSeconds(cases.reduce((sum, { seconds }) => sum + seconds, 0));
	const attributes =
		` tests="${cases.length}" failures="${count("failure")}" errors="${count("error")}"` +
		` skipped="${count("skipped")}" time="${time}"`;
	return [
		'<?xml version="1.0" encoding="UTF-8"?>',
		`<testsuites name="clip-soup verify"${attributes}>`,
		`  <testsuite name="${xml(subjectName(verification.path))}"${attributes}>`,
		...propertiesOf(verification),
		...cases.flatMap(caseLines),
		"  </testsuite>",
		"</testsuites>",
		"",
	].join("\n");
}

function casesOf({ check, status, detail, findings, seconds }: CheckResult): TestCase[] {
	const group = CHECKS[check].name;
	const name = `${check} ${CHECKS[check].title}`;
	if (status === "skipped") return [{ group, name, seconds, outcome: { kind: "skipped", message: detail } }];
	const errors = findings.filter(({ level }) => level === "error");
	const warnings = findings.filter(({ level }) => level === "warning").map(sentenceOf);
	const output = warnings.length > 0 ? { output: atMost(warnings) } : {};
	if (errors.length === 0) return [{ group, name, seconds, ...output }];
	const general = errors.filter(({ tensor }) => tensor === undefined);
	const byTensor = [...groupByTensor(errors)].slice(0, MOST_TENSOR_CASES);
	return [
		{
			group,
			name,
			seconds,
			outcome: {
				kind: "failure",
				type: check,
				message: `${counted(errors.length, "finding")}: ${detail}`,
				lines: atMost((general.length > 0 ? general : errors).map(sentenceOf)),
			},
			...output,
		},
		...byTensor.map(([tensor, found]) => tensorCase(check, tensor, found)),
	];
}

function groupByTensor(findings: readonly Finding[]): Map<string, Finding[]> {
	const groups = new Map<string, Finding[]>();
	for (const finding of findings) {
		if (finding.tensor === undefined) continue;
		const group = groups.get(finding.tensor);
		if (group) group.push(finding);
		else groups.set(finding.tensor, [finding]);
	}
	return groups;
}

function tensorCase(check: CheckId, tensor: string, findings: readonly Finding[]): TestCase {
	const lines = atMost(findings.map(sentenceOf));
	const message = lines[0] ?? "";
	return {
		group: CHECKS[check].name,
		name: `${check} ${tensor}`,
		seconds: 0,
		outcome: { kind: "failure", type: check, message, lines },
	};
}

function errorCase({ code, message, fix }: ReportedError): TestCase {
	const lines = fix === undefined ? [] : [`fix: ${fix}`];
	return { group: "run", name: code, seconds: 0, outcome: { kind: "error", type: code, message, lines } };
}

function atMost(lines: readonly string[]): string[] {
	const more = lines.length - MOST_LINES;
	return more > 0 ? [...lines.slice(0, MOST_LINES), `and ${more} more`] : [...lines];
}

function propertiesOf({ modelDigest, canonicalDigest, origins }: Verification): string[] {
	const commits = origins.map(({ reference, revision }) => [`commit of ${reference}`, revision] as const);
	const all = [...Object.entries({ modelDigest, canonicalDigest }), ...commits];
	const known = all.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
	if (known.length === 0) return [];
	const lines = known.map(({ name, value }) => `      <property name="${xml(name)}" value="${xml(value)}"/>`);
	return ["    <properties>", ...lines, "    </properties>"];
}

function caseLines({ group, name, seconds, outcome, output }: TestCase): string[] {
	const attributes = `classname="clip-soup.verify.${group}" name="${xml(name)}" time="${formatSeconds(seconds)}"`;
	if (outcome === undefined && output === undefined) return [`    <testcase ${attributes}/>`];
	const children = [
		...(outcome === undefined ? [] : [outcomeElement(outcome)]),
		...(output === undefined ? [] : [`      <system-out>${output.map(xml).join("\n")}</system-out>`]),
	];
	return [`    <testcase ${attributes}>`, ...children, "    </testcase>"];
}

function outcomeElement({ kind, type, message, lines = [] }: NonNullable<TestCase["outcome"]>): string {
	const attributes = `${type === undefined ? "" : ` type="${xml(type)}"`} message="${xml(message)}"`;
	return lines.length === 0
		? `      <${kind}${attributes}/>`
		: `      <${kind}${attributes}>${lines.map(xml).join("\n")}</${kind}>`;
}

function formatSeconds(seconds: number): string {
	return seconds.toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text for content or an attribute in double quotes. */
function xml(text: string): string {
	return plain(text).replace(/[&<>"]/g, (character) => ENTITIES[character] ?? "");
}
