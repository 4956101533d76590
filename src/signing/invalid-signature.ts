import type * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import { expectedBy } from "../schema-issue.ts";

/** JSON of a file, or undefined if it is none. */
export function parseJson(bytes: Buffer): unknown {
	try {
		return JSON.parse(bytes.toString("utf8"));
	} catch {
		return undefined;
	}
}

/** A signature file that does not have the form it should. */
export function invalidSignature(path: string, expected: string, { issues }: z.ZodError): ClipSoupError {
	const [issue] = issues;
	const found =
		issue === undefined || issue.path.length === 0
			? "no JSON object"
			: `a faulty "${issue.path.join(".")}" (expected ${expectedBy(issue)})`;
	return malformedSignature(path, found, expected);
}

/** A signature file in which `found` stands where `expected` should. */
export function malformedSignature(path: string, found: string, expected: string): ClipSoupError {
	return new ClipSoupError("ERR_SIGNATURE_INVALID", `Cannot use "${path}": found ${found}, expected ${expected}`, {
		fix: "make it anew with clip-soup sign, or download it again",
		details: { path },
	});
}
