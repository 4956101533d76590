import { describe, expect, it } from "vitest";
import { unchecked } from "../../src/reports/reported-error.ts";
import { sarifReport } from "../../src/reports/sarif.ts";
import type { SarifLog, SarifRun } from "../../src/reports/sarif-log.ts";
import { CHECKS, type Verification } from "../../src/verification.ts";
import { VERSION } from "../../src/version.ts";
import { ERROR, FAILED, manyFindings, ORIGIN, PASSED, withFindings } from "./samples.ts";

function runOf(text: string): SarifRun {
	const log: SarifLog = JSON.parse(text);
	expect(Object.keys(log)).toEqual(["$schema", "version", "runs"]);
	expect(log.version).toBe("2.1.0");
	expect(log.runs).toHaveLength(1);
	const [run] = log.runs;
	if (run === undefined) throw new Error("No run");
	return run;
}

/** What the specification and GitHub require of any report. */
function expectValid({ tool, invocations, results }: SarifRun): void {
	const { name, version, rules } = tool.driver;
	expect({ name, version }).toEqual({ name: "clip-soup", version: VERSION });
	expect(rules.map(({ id }) => id)).toEqual(Object.keys(CHECKS));
	expect(invocations).toHaveLength(1);
	for (const { message } of invocations[0]?.toolExecutionNotifications ?? []) expect(message.text).not.toBe("");
	for (const { ruleId, ruleIndex, level, message, locations, partialFingerprints } of results) {
		expect(rules[ruleIndex]?.id).toBe(ruleId);
		expect(["error", "warning"]).toContain(level);
		expect(message.text).not.toBe("");
		expect(locations).toHaveLength(1);
		expect(locations[0]?.physicalLocation.artifactLocation.uri).toMatch(/^(?!\/)(?:[\w.~!*'()-]|%[0-9A-F]{2}|\/)+$/);
		expect(locations[0]?.physicalLocation.artifactLocation.uri).not.toMatch(/(^|\/)\.\.(\/|$)/);
		expect(locations[0]?.physicalLocation.region.startLine).toBe(1);
		expect(partialFingerprints.primaryLocationLineHash).toMatch(/^[0-9a-f]{32}:[1-9]\d*$/);
	}
	const fingerprints = results.map((result) => result.partialFingerprints.primaryLocationLineHash);
	expect(new Set(fingerprints).size).toBe(fingerprints.length);
}

describe("sarifReport", () => {
	it("has every check as a rule, and no result where all is well", () => {
		const run = runOf(sarifReport(PASSED));
		expectValid(run);
		expect(run.results).toEqual([]);
		expect(run.invocations).toEqual([
			{
				executionSuccessful: true,
				exitCode: 0,
				toolExecutionNotifications: [
					{
						level: "note",
						message: { text: "CS005 digests did not run: no lock was given" },
						associatedRule: { id: "CS005", index: 4 },
					},
				],
			},
		]);
	});

	it("has every finding as a result, with file and tensor", () => {
		const run = runOf(sarifReport(FAILED));
		expectValid(run);
		expect(run.invocations[0]).toMatchObject({ executionSuccessful: true, exitCode: 1 });
		expect(run.results).toHaveLength(4);
		expect(run.results[0]).toEqual({
			ruleId: "CS004",
			ruleIndex: 3,
			level: "error",
			message: {
				text: 'Found shape [768, 512] of "proj" <&> "x|y", expected [512, 768] (probably: a matrix stored the other way round)',
			},
			locations: [
				{
					physicalLocation: {
						artifactLocation: { uri: "soup/model.safetensors" },
						region: { startLine: 1 },
					},
					logicalLocations: [{ fullyQualifiedName: "visual.proj" }],
				},
			],
			partialFingerprints: { primaryLocationLineHash: expect.any(String) },
			properties: { expected: "[512, 768]", found: "[768, 512]" },
		});
		expect(run.results[1]?.properties).toEqual({ elements: [0, 7] });
		expect(run.results.map(({ level }) => level)).toEqual(["error", "error", "warning", "error"]);
	});

	it("keeps fingerprints while figures change, and gives other findings others", () => {
		const fingerprints = (verification: Verification) =>
			runOf(sarifReport(verification)).results.map(({ partialFingerprints }) => partialFingerprints);
		const [a] = fingerprints(withFindings(manyFindings(1, "Found 3 NaN")));
		expect(fingerprints(withFindings(manyFindings(2, "Found 4 NaN")))[0]).toEqual(a);
		expect(fingerprints(withFindings(manyFindings(2, "Found 4 NaN")))[1]).not.toEqual(a);
	});

	it.each([
		["soup", "model.safetensors", "soup/model.safetensors"],
		["./out/soup/", "vision/model.safetensors", "out/soup/vision/model.safetensors"],
		["out/a.safetensors", "a.safetensors", "out/a.safetensors"],
		["out/model.safetensors.index.json", "model-00001-of-00002.safetensors", "out/model-00001-of-00002.safetensors"],
		["/home/me/soup", "model.safetensors", "soup/model.safetensors"],
		["C:\\Users\\me\\soup", "model.safetensors", "soup/model.safetensors"],
		["../soup", "model.safetensors", "soup/model.safetensors"],
		["soup", "../../etc/passwd", "soup/passwd"],
		["soup", "/etc/passwd", "soup/passwd"],
		["..", "a b:c#d.json", "a%20b%3Ac%23d.json"],
		[".", undefined, "."],
		["/", undefined, "."],
		["hf:org/soup", "config.json", "hf%3Aorg/soup%3Aconfig.json"],
		["hf:org/soup@main", undefined, "hf%3Aorg/soup%40main"],
		["hf:org/soup:vision", "model.safetensors", "hf%3Aorg/soup%3Avision/model.safetensors"],
		["hf:org/soup:a/b.safetensors", "b.safetensors", "hf%3Aorg/soup%3Aa/b.safetensors"],
		["hf:org/soup:a/model.safetensors.index.json", "c.safetensors", "hf%3Aorg/soup%3Aa/c.safetensors"],
	])("locates %j, %j at %j", (path, file, uri) => {
		const run = runOf(sarifReport(withFindings([{ level: "error", message: "x", file }], path)));
		expectValid(run);
		expect(run.results[0]?.locations[0]?.physicalLocation.artifactLocation.uri).toBe(uri);
	});

	it("tells the commits that were read", () => {
		expect(runOf(sarifReport({ ...PASSED, origins: [ORIGIN] })).properties).toEqual({ origins: [ORIGIN] });
		expect(runOf(sarifReport(PASSED))).not.toHaveProperty("properties");
	});

	it("tells a run that could not finish", () => {
		const run = runOf(sarifReport(unchecked("soup"), ERROR));
		expectValid(run);
		expect(run.results).toEqual([]);
		expect(run.invocations).toEqual([
			{
				executionSuccessful: false,
				exitCode: 3,
				toolExecutionNotifications: [
					{
						level: "error",
						message: { text: `${ERROR.message}. Fix: download it again` },
						descriptor: { id: "ERR_FILE_TRUNCATED" },
					},
				],
			},
		]);
	});

	it("stays within what GitHub takes, and tells what it left out", () => {
		const few = sarifReport(withFindings(manyFindings(30_000, "")));
		expect(runOf(few).results.length).toBeLessThanOrEqual(25_000);
		const long = sarifReport(withFindings(manyFindings(20_000, "\u{1f35c}".repeat(10_000))));
		expect(Buffer.byteLength(long)).toBeLessThan(10_000_000);
		const { results, invocations } = runOf(long);
		expect(results.length).toBeGreaterThan(1000);
		expect(invocations[0]?.toolExecutionNotifications).toEqual([
			{
				level: "warning",
				message: { text: `${20_000 - results.length} findings more for which this report has no room` },
			},
		]);
	});

	it("makes no link of a name", () => {
		const text = sarifReport(withFindings([{ level: "error", message: "Found [a](https://evil)" }]));
		expect(runOf(text).results[0]?.message.text).toBe("Found [a] (https://evil)");
	});
});
