import * as z from "zod";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { expectedBy } from "../schema-issue.ts";

/** Fields of companion files, each with the words of what it expects as its zod error. */

/** A positive integer. */
export const positiveInteger = z.int({ error: "a positive integer" }).positive({ error: "a positive integer" });

/** A positive number. */
export const positiveNumber = z.number({ error: "a positive number" }).positive({ error: "a positive number" });

const channel = z.number({ error: "a number" });

/** One number for each of red, green and blue. */
export const rgb = z.tuple([channel, channel, channel], { error: "a list of 3 numbers" }).readonly();

/** One of `values`. */
export function oneOf<const Values extends readonly (string | number | boolean | null)[]>(...values: Values) {
	return z.literal([...values], { error: values.map((value) => JSON.stringify(value)).join(" or ") });
}

/** A side, given as one number or as two equal ones; rectangles are not supported. */
export const squareSide = z
	.union([positiveInteger, z.tuple([positiveInteger, positiveInteger])], { error: "the side of a square" })
	.refine((side) => typeof side === "number" || side[0] === side[1], { error: "the side of a square", abort: true })
	.transform((side) => (typeof side === "number" ? side : side[0]));

/** How to repair a config. */
const FIX = "give the config that belongs to the checkpoint, or leave it away and name the architecture with --arch";

/**
 * A companion file's JSON by its schema, whose errors say what they expect.
 *
 * @throws {ClipSoupError} ERR_CONFIG_INVALID naming file and field; a `FaultsError` if there are several.
 */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, json: unknown, file: string): z.output<Schema> {
	const result = schema.safeParse(json, { reportInput: true });
	if (result.success) return result.data;
	const faults = result.error.issues.flatMap((issue) => faultsOf(issue, file));
	throwFaults(`Cannot use "${file}"`, faults);
	throw result.error;
}

/** The fault of a field that a config has or has not; "" is the whole. */
export function fieldFault(file: string, field: string, found: unknown, expected: string): ClipSoupError {
	const what = found === undefined ? "nothing" : JSON.stringify(found);
	return new ClipSoupError(
		"ERR_CONFIG_INVALID",
		`Cannot use ${field === "" ? file : `"${field}" of ${file}`}: found ${what}, expected ${expected}`,
		{
			fix: FIX,
			details: { file, field, found, expected },
		},
	);
}

function faultsOf(issue: z.core.$ZodIssue, file: string): readonly ClipSoupError[] {
	const path = issue.path.map(String);
	if (issue.code !== "unrecognized_keys") return [fieldFault(file, path.join("."), issue.input, expectedBy(issue))];
	return issue.keys.map((key) => fieldFault(file, [...path, key].join("."), "a value", "no such field"));
}
