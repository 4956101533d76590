import type { ResolvedReference } from "./origin.ts";

/**
 * What `verify` can ask of a model, cheapest first. Ids are stable: SARIF rule ids, JUnit class names, keys in reports.
 */
export const CHECKS = {
	CS001: { name: "container", title: "Weight files are well-formed safetensors" },
	CS002: { name: "files", title: "Weight files are those of the lock, and came from the Hub as it lists them" },
	CS003: { name: "names", title: "No tensor is missing, none is extra" },
	CS004: { name: "shapes", title: "Every tensor has its dtype and shape" },
	CS005: { name: "digests", title: "Every tensor has the bytes of the lock" },
	CS006: { name: "finite", title: "No element is NaN or infinite" },
	CS007: { name: "statistics", title: "Values lie in the ranges that the lock expects" },
	CS008: { name: "soup", title: "The soup is the average of its ingredients" },
	CS009: { name: "ingredients", title: "The ingredients are those of the recipe and belong together" },
	CS010: { name: "layouts", title: "Layouts compute the same function" },
	CS011: { name: "features", title: "The forward pass gives the expected features" },
	CS012: { name: "configuration", title: "Configuration files agree with the weights and the lock" },
	CS013: { name: "signature", title: "The signature holds for the files" },
} as const satisfies Record<string, { readonly name: string; readonly title: string }>;

export type CheckId = keyof typeof CHECKS;

/** One thing that is wrong, and where. */
export interface Finding {
	/** A `warning` does not fail its check. */
	readonly level: "error" | "warning";
	/** One sentence: what was found where, and what was expected. */
	readonly message: string;
	/** Base name of the file it is about, or its path from the model's folder. */
	readonly file?: string | undefined;
	/** Stored name of the tensor it is about. */
	readonly tensor?: string | undefined;
	/** First and last flat index of the elements it is about. */
	readonly elements?: readonly [first: number, last: number] | undefined;
	readonly expected?: string | undefined;
	readonly found?: string | undefined;
	/** What probably happened: `quick_gelu mix-up`. */
	readonly cause?: string | undefined;
}

/** What became of one check. */
export interface CheckResult {
	readonly check: CheckId;
	/** `failed` if a finding is an error; `skipped` if it did not run, which `detail` explains. */
	readonly status: "passed" | "failed" | "skipped";
	/** What was compared, with the measured figure and the tolerance. */
	readonly detail: string;
	readonly findings: readonly Finding[];
	readonly seconds: number;
}

/** What `verify` found out about a model. */
export interface Verification {
	/** What was given. */
	readonly path: string;
	/** The architecture in words; undefined while facts are missing. */
	readonly description: string | undefined;
	/** In the order in which they ran. */
	readonly checks: readonly CheckResult[];
	/** `sha256:` and hex; undefined where nothing needed the bytes. */
	readonly modelDigest: string | undefined;
	/** Of the canonical tensors: the same in every layout. */
	readonly canonicalDigest: string | undefined;
	/** All that was read of the Hub, at which commit: the model, what it was compared with, locks and recipes. */
	readonly origins: readonly ResolvedReference[];
	readonly notices: readonly string[];
}

/** The result of a check that ran: failed if a finding is an error. */
export function ranCheck(
	check: CheckId,
	seconds: number,
	{ detail, findings = [] }: { readonly detail: string; readonly findings?: readonly Finding[] },
): CheckResult {
	const status = findings.some(({ level }) => level === "error") ? "failed" : "passed";
	return { check, status, detail, findings, seconds };
}

/** The result of a check that did not run. */
export function skippedCheck(check: CheckId, detail: string): CheckResult {
	return { check, status: "skipped", detail, findings: [], seconds: 0 };
}
