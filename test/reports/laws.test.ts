import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { githubAnnotations } from "../../src/reports/github.ts";
import { jsonReport } from "../../src/reports/json.ts";
import { junitReport } from "../../src/reports/junit.ts";
import { markdownReport } from "../../src/reports/markdown.ts";
import { sarifReport } from "../../src/reports/sarif.ts";
import { verificationDocument } from "../../src/reports/schema.ts";
import { CHECKS, type CheckId, ranCheck, type Verification } from "../../src/verification.ts";
import { elementsOf, parseXml } from "./xml.ts";

/** Any UTF-16, lone surrogates and controls included, and what the formats give a meaning to. */
const text = fc.oneof(
	fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
	fc.string({
		unit: fc.constantFrom("<", "&", '"', "]]>", "%", "::", ",", "\n", "|", "`", "](", "..", "/", "\u202e", "\0"),
	}),
);

const finding = fc.record(
	{
		level: fc.constantFrom("error" as const, "warning" as const),
		message: text,
		file: text,
		tensor: text,
		expected: text,
		found: text,
		cause: text,
	},
	{ requiredKeys: ["level", "message"] },
);

const checkIds = Object.keys(CHECKS).filter((id): id is CheckId => id in CHECKS);

const verification: fc.Arbitrary<Verification> = fc.record({
	path: text,
	description: text,
	checks: fc.array(
		fc
			.record({ check: fc.constantFrom(...checkIds), detail: text, findings: fc.array(finding) })
			.map(({ check, detail, findings }) => ranCheck(check, 1, { detail, findings })),
	),
	modelDigest: fc.constant(undefined),
	canonicalDigest: fc.constant(undefined),
	origins: fc.array(fc.record({ reference: text, repo: text, revision: fc.constant("a".repeat(40)) })),
	notices: fc.array(text),
});

const error = fc.option(
	fc.record({ code: fc.constant("ERR_IO"), message: text, fix: text, exitCode: fc.constant(9) }),
	{ nil: undefined },
);

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

function law(check: (verification: Verification, error: Parameters<typeof junitReport>[1]) => void): void {
	fc.assert(fc.property(verification, error, check), { numRuns: 300 });
}

describe("whatever files and messages hold", () => {
	it("junitReport is well-formed, counts right, and hides nothing", () => {
		law((v, e) => {
			const report = junitReport(v, e);
			const root = parseXml(report);
			expect(report).not.toMatch(CONTROLS);
			const count = (name: string) => String(elementsOf(root, name).length);
			expect(root.attributes).toMatchObject({
				tests: count("testcase"),
				failures: count("failure"),
				errors: count("error"),
				skipped: count("skipped"),
			});
		});
	});

	it("sarifReport is JSON with a relative location for every finding", () => {
		law((v, e) => {
			const report = sarifReport(v, e);
			expect(report).not.toMatch(CONTROLS);
			const { results } = JSON.parse(report).runs[0];
			expect(results).toHaveLength(v.checks.flatMap(({ findings }) => findings).length);
			for (const { locations } of results) {
				const { uri } = locations[0].physicalLocation.artifactLocation;
				expect(uri).toMatch(/^(?!\/)[^:\\?#]+$/);
				expect(uri.split("/")).not.toContain("..");
			}
		});
	});

	it("githubAnnotations are commands and nothing else, at most ten of a type", () => {
		law((v, e) => {
			const lines = githubAnnotations(v, e).split("\n");
			expect(lines.pop()).toBe("");
			for (const line of lines) {
				expect(line).toMatch(/^::(error|warning) (file=[^,:\r\n]+,)?title=[^,:\r\n]+::[^\r\n]*$/u);
				expect(line).not.toMatch(CONTROLS);
				expect(line.replaceAll(/%(25|0A|3A|2C)/g, "")).not.toContain("%");
			}
			for (const type of ["error", "warning"]) {
				expect(lines.filter((line) => line.startsWith(`::${type} `)).length).toBeLessThanOrEqual(10);
			}
		});
	});

	it("markdownReport has as many columns in every row, and no markup of others", () => {
		law((v, e) => {
			const report = markdownReport(v, e);
			expect(report).not.toMatch(CONTROLS);
			for (const line of report.split("\n").filter((each) => each.startsWith("|"))) {
				expect(line.replaceAll(/\\./g, "").match(/\|/g)).toHaveLength(5);
			}
			expect(report.replaceAll(/\\./g, "").replaceAll(/^> (\*|F)|^>$/gm, "")).not.toMatch(/[<>]/);
		});
	});

	it("jsonReport is as its schema says", () => {
		law((v, e) => {
			expect(verificationDocument.safeParse(JSON.parse(jsonReport(v, e))).error).toBeUndefined();
		});
	});
});
