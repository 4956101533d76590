import { createHash } from "node:crypto";
import type { ResolvedReference } from "../origin.ts";
import { CHECKS, type Verification } from "../verification.ts";
import { VERSION } from "../version.ts";
import { type CheckFinding, checkLabel, findingsOf, placeOf, sentenceOf } from "./findings.ts";
import { exitCodeOf } from "./json.ts";
import { counted, plain } from "./plain-text.ts";
import { faultsOf, type ReportedError } from "./reported-error.ts";
import type {
	SarifInvocation,
	SarifLog,
	SarifMessage,
	SarifNotification,
	SarifResult,
	SarifRule,
} from "./sarif-log.ts";

/** Results of a run that GitHub takes. https://docs.github.com/en/code-security/reference/code-scanning/sarif-support */
const MOST_RESULTS = 25_000;

/** GitHub takes 10 MB compressed: what is smaller before that is so after it, whatever names a file holds. */
const MOST_RESULT_BYTES = 9_000_000;

const RULES: readonly SarifRule[] = Object.entries(CHECKS).map(([id, { name, title }]) => ({
	id,
	name,
	shortDescription: { text: title },
	fullDescription: { text: title },
	help: { text: `${title}. clip-soup verify checks it as ${id}.` },
	defaultConfiguration: { level: "error" },
}));

/**
 * SARIF 2.1.0: every check is a rule, every finding a result, and what ended the run a notification.
 *
 * Locations are relative to where `verify` ran; of a model on the Hub they are its reference, as a name that no file has.
 * Fingerprints hold no measured figure, so that a finding stays the same one
 * from run to run.
 */
export function sarifReport(verification: Verification, error?: ReportedError): string {
	const findings = findingsOf(verification);
	const results = resultsThatFit(verification.path, findings);
	const log: SarifLog = {
		$schema: "https://json.schemastore.org/sarif-2.1.0.json",
		version: "2.1.0",
		runs: [
			{
				tool: { driver: { name: "clip-soup", version: VERSION, rules: RULES } },
				invocations: [invocationOf(verification, error, findings.length - results.length)],
				columnKind: "utf16CodeUnits",
				results,
				...(verification.origins.length > 0 && { properties: { origins: verification.origins.map(originOf) } }),
			},
		],
	};
	return `${JSON.stringify(log)}\n`;
}

function invocationOf(verification: Verification, error: ReportedError | undefined, leftOut: number): SarifInvocation {
	const errors = (error === undefined ? [] : faultsOf(error)).map(
		({ code, message, fix }): SarifNotification => ({
			level: "error",
			message: messageOf(fix === undefined ? message : `${message}. Fix: ${fix}`),
			descriptor: { id: code },
		}),
	);
	const skipped = verification.checks
		.filter(({ status }) => status === "skipped")
		.map(
			({ check, detail }): SarifNotification => ({
				level: "note",
				message: messageOf(`${checkLabel(check)} did not run: ${detail}`),
				associatedRule: ruleReference(check),
			}),
		);
	const more: SarifNotification = {
		level: "warning",
		message: messageOf(`${counted(leftOut, "finding")} more for which this report has no room`),
	};
	return {
		executionSuccessful: error === undefined,
		exitCode: exitCodeOf(verification, error),
		toolExecutionNotifications: [...errors, ...skipped, ...(leftOut > 0 ? [more] : [])],
	};
}

function originOf({ reference, repo, revision }: ResolvedReference): ResolvedReference {
	return { reference: plain(reference), repo: plain(repo), revision };
}

function resultsThatFit(path: string, findings: readonly CheckFinding[]): SarifResult[] {
	const results: SarifResult[] = [];
	const occurrences = new Map<string, number>();
	let byteLength = 0;
	for (const finding of findings.slice(0, MOST_RESULTS)) {
		const digest = fingerprintOf(finding);
		const occurrence = (occurrences.get(digest) ?? 0) + 1;
		occurrences.set(digest, occurrence);
		const result = resultOf(path, finding, `${digest}:${occurrence}`);
		byteLength += Buffer.byteLength(JSON.stringify(result)) + 1;
		if (byteLength > MOST_RESULT_BYTES) break;
		results.push(result);
	}
	return results;
}

function resultOf(path: string, finding: CheckFinding, fingerprint: string): SarifResult {
	const { check, level, tensor, elements, expected, found } = finding;
	const { id, index } = ruleReference(check);
	const properties = {
		...(elements !== undefined && { elements }),
		...(expected !== undefined && { expected: plain(expected) }),
		...(found !== undefined && { found: plain(found) }),
	};
	return {
		ruleId: id,
		ruleIndex: index,
		level,
		message: messageOf(sentenceOf(finding)),
		locations: [
			{
				physicalLocation: {
					artifactLocation: { uri: uriOf(placeOf(path, finding).name) },
					// GitHub wants a line of every location. A weight file has none, and any file has a first.
					region: { startLine: 1 },
				},
				...(tensor !== undefined && { logicalLocations: [{ fullyQualifiedName: plain(tensor) }] }),
			},
		],
		// GitHub knows findings again by this name only.
		partialFingerprints: { primaryLocationLineHash: fingerprint },
		...(Object.keys(properties).length > 0 && { properties }),
	};
}

/** What stays the same while a fault lasts: check, file, tensor. Half of a SHA-256 is more than enough. */
function fingerprintOf({ check, file, tensor }: CheckFinding): string {
	const identity = JSON.stringify([check, file ?? null, tensor ?? null]);
	return createHash("sha256").update(identity).digest("hex").slice(0, 32);
}

function ruleReference(check: string): { readonly id: string; readonly index: number } {
	return { id: check, index: RULES.findIndex(({ id }) => id === check) };
}

/** A message without what SARIF would take for a link, which a tensor could be named like. Section 3.11.6 */
function messageOf(text: string): SarifMessage {
	return { text: plain(text).replaceAll("](", "] (") };
}

/** GitHub refuses a report whole in which a location has another scheme than `file:`, or is none: colons are encoded. */
function uriOf(path: string): string {
	return plain(path).split("/").map(encodeURIComponent).join("/");
}
