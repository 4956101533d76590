import type { Verification } from "../verification.ts";
import type { ReportedError } from "./reported-error.ts";

/** The document that `verify --json` prints, as a file: `schemas/verification.v1.schema.json` tells its form. */
export function jsonReport(verification: Verification, error?: ReportedError): string {
	const exitCode = exitCodeOf(verification, error);
	const head = { schemaVersion: 1, command: "verify" };
	const document =
		error === undefined
			? { ...head, outcome: exitCode === 0 ? "ok" : "findings", exitCode, result: verification }
			: { ...head, outcome: "error", exitCode, error: errorDocument(error) };
	return `${JSON.stringify(document, null, 2)}\n`;
}

/** Exit status of a verification: 1 if a check failed, that of the error if one ended it. */
export function exitCodeOf({ checks }: Verification, error?: ReportedError): number {
	return error?.exitCode ?? (checks.some(({ status }) => status === "failed") ? 1 : 0);
}

function errorDocument({ code, message, fix, details = {}, faults }: ReportedError): unknown {
	return { code, message, fix, details: faults === undefined ? details : { faults: faults.map(errorDocument) } };
}
