import type * as z from "zod";

/** Where a document is not as its schema has it, and what was expected there. */
export interface SchemaIssue {
	/** `field.of.field`, or the whole. */
	readonly field: string;
	readonly expected: string;
}

/** The first thing that a schema did not take. */
export function firstIssue({ issues: [issue] }: z.ZodError): SchemaIssue {
	const field = (issue?.path ?? []).map(String).join(".") || "the document";
	return { field, expected: issue === undefined ? "what its form demands" : expectedBy(issue) };
}

/** What was expected: the words of the schema or, where it has none, zod's without those around them. */
export function expectedBy({ message }: z.core.$ZodIssue): string {
	return /^Invalid input: expected (.+), received .+$/.exec(message)?.[1] ?? message;
}
