import { describe, expect, it } from "vitest";
import { parseReportTargets, REPORTS } from "../../src/reports/targets.ts";
import { ERROR, FAILED } from "./samples.ts";

describe("parseReportTargets", () => {
	it("reads kinds and files in their order", () => {
		expect(parseReportTargets("junit=r.xml, sarif=out/r=1.sarif,markdown=r.md,json=r.json,github")).toEqual([
			{ kind: "junit", file: "r.xml" },
			{ kind: "sarif", file: "out/r=1.sarif" },
			{ kind: "markdown", file: "r.md" },
			{ kind: "json", file: "r.json" },
			{ kind: "github", file: undefined },
		]);
	});

	it.each([
		["", 'found ""'],
		["junit=r.xml,", 'found ""'],
		["xml=r.xml", 'found "xml", expected one of junit, sarif, markdown, json, github'],
		["JUNIT=r.xml", 'found "JUNIT"'],
		["toString=r.xml", 'found "toString"'],
		["junit", 'found "junit", expected junit=FILE'],
		["junit=", 'found "junit=", expected junit=FILE'],
		["github=r.txt", "expected github without a file"],
		["junit=a.xml,junit=b.xml", 'found "junit" twice'],
		["junit=r,sarif=r", 'found "r" twice, expected every file once'],
	])("refuses %j", (text, message) => {
		expect(() => parseReportTargets(text)).toThrow(
			expect.objectContaining({ code: "ERR_USAGE", message: expect.stringContaining(message) }),
		);
	});

	it("names the reports there are", () => {
		for (const report of Object.values(REPORTS)) expect(report(FAILED, ERROR)).toMatch(/\n$/);
	});
});
