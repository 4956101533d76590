import type { Verification } from "../verification.ts";

/** What ended a run before its checks were done: a `ClipSoupError`, or anything that is told in the same way. */
export interface ReportedError {
	readonly code: string;
	readonly message: string;
	readonly fix?: string | undefined;
	readonly details?: Readonly<Record<string, unknown>> | undefined;
	readonly exitCode: number;
	/** Of several faults that were found at once. */
	readonly faults?: readonly ReportedError[] | undefined;
}

/** The faults an error stands for, itself if it is one. */
export function faultsOf(error: ReportedError): readonly ReportedError[] {
	return error.faults === undefined || error.faults.length === 0 ? [error] : error.faults;
}

/** What is known of `path` when a run ends before its first check. */
export function unchecked(path: string): Verification {
	const unknown = { description: undefined, modelDigest: undefined, canonicalDigest: undefined };
	return { path, checks: [], origins: [], notices: [], ...unknown };
}
