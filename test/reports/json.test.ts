import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it, test } from "vitest";
import type * as z from "zod";
import { checkSignature } from "../../src/checks/signature.ts";
import { ClipSoupError, FaultsError } from "../../src/errors.ts";
import { jsonReport } from "../../src/reports/json.ts";
import { type ReportedError, unchecked } from "../../src/reports/reported-error.ts";
import { verificationDocument, verificationJsonSchema } from "../../src/reports/schema.ts";
import type { Verification } from "../../src/verification.ts";
import { ERROR, FAILED, ORIGIN, PASSED } from "./samples.ts";

/** Does not compile where a `Verification` has a field of a type that the schema does not allow. */
const documented = (result: Verification): z.input<typeof verificationDocument> => ({
	schemaVersion: 1,
	command: "verify",
	outcome: "ok",
	exitCode: 0,
	result,
});

test("the published schema is that of the code", () => {
	const published: unknown = JSON.parse(readFileSync("schemas/verification.v1.schema.json", "utf8"));
	expect(published, "run: npx tsx scripts/write-schemas.ts && npx biome format --write schemas").toEqual(
		verificationJsonSchema(),
	);
});

test("a passed check of a real folder is as the schema says", async () => {
	const vectors = resolve("fixtures/signing/vectors");
	const options = { signature: join(vectors, "key.bundle.json"), key: join(vectors, "signing-key-pub.pem") };
	const checks = [await checkSignature(join(vectors, "model"), options)];
	expect(verificationDocument.parse(documented({ ...PASSED, checks }))).toMatchObject({ result: { checks } });
});

describe("jsonReport", () => {
	const origins = [ORIGIN];
	const reports: readonly (readonly [string, Verification, ReportedError | undefined, object])[] = [
		["all is well", PASSED, undefined, { outcome: "ok", exitCode: 0 }],
		["it read the Hub", { ...PASSED, origins }, undefined, { outcome: "ok", result: { origins } }],
		["a check failed", FAILED, undefined, { outcome: "findings", exitCode: 1 }],
		["it could not finish", unchecked("soup"), ERROR, { outcome: "error", exitCode: 3 }],
		[
			"a ClipSoupError ended it",
			unchecked("soup"),
			new ClipSoupError("ERR_NOTHING_TO_CHECK", "Cannot verify", { fix: "give --lock" }),
			{
				outcome: "error",
				exitCode: 2,
				error: { code: "ERR_NOTHING_TO_CHECK", message: "Cannot verify", fix: "give --lock", details: {} },
			},
		],
		[
			"several faults ended it",
			unchecked("soup"),
			new FaultsError("Cannot verify", [new ClipSoupError("ERR_IO", "a"), new ClipSoupError("ERR_IO", "b")]),
			{ exitCode: 9, error: { details: { faults: [{ message: "a" }, { message: "b" }] } } },
		],
	];

	it.each(reports)("is the document of --json where %s", (_, verification, error, expected) => {
		const document: unknown = JSON.parse(jsonReport(verification, error));
		expect(document).toMatchObject({ schemaVersion: 1, command: "verify", ...expected });
		// The schema drops what it does not know: nothing may be dropped.
		expect(verificationDocument.parse(document)).toEqual(document);
	});

	it("holds every finding as it is", () => {
		expect(JSON.parse(jsonReport(FAILED))).toMatchObject({ result: { checks: FAILED.checks } });
	});
});

describe("the schema refuses", () => {
	const base = documented(PASSED);
	it.each([
		["another version", { ...base, schemaVersion: 2 }],
		["findings that end with 0", { ...base, outcome: "findings" }],
		[
			"an error without its code",
			{ ...base, outcome: "error", exitCode: 3, result: undefined, error: { message: "x" } },
		],
		["a digest without its name", { ...base, result: { ...PASSED, modelDigest: "ab" } }],
		["another status", { ...base, result: { ...PASSED, checks: [{ ...PASSED.checks[0], status: "ok" }] } }],
	])("%s", (_, document) => {
		expect(verificationDocument.safeParse(document).success).toBe(false);
	});
});
