import { describe, expect, it } from "vitest";
import * as z from "zod";
import { expectedBy, firstIssue } from "../src/schema-issue.ts";

const schema = z.object({ list: z.array(z.object({ side: z.int({ error: "a whole number" }), name: z.string() })) });

function errorOf(value: unknown): z.ZodError {
	const { error } = schema.safeParse(value);
	if (error === undefined) throw new Error("The schema took it");
	return error;
}

describe("firstIssue", () => {
	it.each([
		[{ list: [{ side: 1.5, name: "a" }] }, "list.0.side", "a whole number"],
		[{ list: [{ side: 1, name: 2 }] }, "list.0.name", "string"],
		[[], "the document", "object"],
	])("of %j", (value, field, expected) => {
		expect(firstIssue(errorOf(value))).toEqual({ field, expected });
	});
});

describe("expectedBy", () => {
	it("leaves other words of zod's as they are", () => {
		const { error } = z.array(z.string()).min(2).safeParse(["a"]);
		expect(error?.issues.map(expectedBy)).toEqual([expect.stringContaining(">=2")]);
	});
});
