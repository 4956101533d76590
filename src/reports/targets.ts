import { ClipSoupError } from "../errors.ts";
import type { Verification } from "../verification.ts";
import { githubAnnotations } from "./github.ts";
import { jsonReport } from "./json.ts";
import { junitReport } from "./junit.ts";
import { markdownReport } from "./markdown.ts";
import type { ReportedError } from "./reported-error.ts";
import { sarifReport } from "./sarif.ts";

/** The report of each kind as text. */
export const REPORTS = {
	junit: junitReport,
	sarif: sarifReport,
	markdown: markdownReport,
	json: jsonReport,
	github: githubAnnotations,
} as const satisfies Record<string, (verification: Verification, error?: ReportedError) => string>;

export type ReportKind = keyof typeof REPORTS;

/** A report that was asked for. */
export interface ReportTarget {
	readonly kind: ReportKind;
	/** Where it goes; undefined for `github`, which is printed. */
	readonly file: string | undefined;
}

/**
 * Reads `junit=r.xml,sarif=r.sarif,github`.
 *
 * @throws {ClipSoupError} ERR_USAGE for an unknown kind, one without the file it needs, and kinds or files that come twice
 */
export function parseReportTargets(text: string): readonly ReportTarget[] {
	const targets = text.split(",").map((entry) => parseTarget(text, entry.trim()));
	for (const key of ["kind", "file"] as const) {
		const values = targets.flatMap((target) => target[key] ?? []);
		const twice = values.find((value, index) => values.indexOf(value) !== index);
		if (twice !== undefined) throw usage(text, `found "${twice}" twice, expected every ${key} once`);
	}
	return targets;
}

function parseTarget(text: string, entry: string): ReportTarget {
	const at = entry.indexOf("=");
	const name = at < 0 ? entry : entry.slice(0, at);
	const file = at < 0 ? undefined : entry.slice(at + 1);
	const kind = KINDS.find((known) => known === name);
	if (kind === undefined) throw usage(text, `found "${name}", expected one of ${KINDS.join(", ")}`);
	if (kind === "github" && file !== undefined) throw usage(text, `found "${entry}", expected github without a file`);
	if (kind !== "github" && !file) throw usage(text, `found "${entry}", expected ${kind}=FILE`);
	return { kind, file };
}

const KINDS = ["junit", "sarif", "markdown", "json", "github"] as const satisfies readonly ReportKind[];

function usage(text: string, problem: string): ClipSoupError {
	return new ClipSoupError("ERR_USAGE", `Cannot use --report "${text}": ${problem}`, {
		fix: "name kinds and files: --report junit=r.xml,sarif=r.sarif,markdown=r.md,json=r.json,github",
	});
}
