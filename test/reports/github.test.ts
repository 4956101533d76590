import { describe, expect, it } from "vitest";
import { githubAnnotations, githubOutputs } from "../../src/reports/github.ts";
import { unchecked } from "../../src/reports/reported-error.ts";
import type { Finding } from "../../src/verification.ts";
import { ERROR, FAILED, manyFindings, PASSED, withFindings } from "./samples.ts";

describe("githubAnnotations", () => {
	it("says nothing where all is well", () => {
		expect(githubAnnotations(PASSED)).toBe("");
	});

	it("is one workflow command a finding, errors first", () => {
		expect(githubAnnotations(FAILED).split("\n")).toEqual([
			expect.stringMatching(
				/^::error file=soup\/model\.safetensors,title=CS004 shapes%3A Every tensor has its dtype and shape::Found shape /,
			),
			expect.stringContaining("::Found two"),
			"::error file=soup/open_clip_config.json,title=CS012 configuration%3A Configuration files agree with the weights and the lock::Found embed_dim 1024, expected 512",
			"::warning file=soup,title=CS004 shapes%3A Every tensor has its dtype and shape::Found F64, which libraries read as F32",
			"",
		]);
	});

	it("escapes what would end a property, a message or the command", () => {
		const finding: Finding = { level: "error", message: "100%: a,b\r\n::error::x", file: "a,b:c%.json" };
		expect(githubAnnotations(withFindings([finding]))).toBe(
			"::error file=soup/a%2Cb%3Ac%25.json,title=CS006 finite%3A No element is NaN or infinite::100%25: a,b ::error::x\n",
		);
	});

	it("names what lies on the Hub in the title, and points to no file", () => {
		const finding: Finding = { level: "error", message: "Found NaN", file: "model.safetensors" };
		expect(githubAnnotations(withFindings([finding], "hf:org/soup@main"))).toBe(
			"::error title=CS006 finite%3A No element is NaN or infinite (hf%3Aorg/soup@main%3Amodel.safetensors)::Found NaN\n",
		);
	});

	it.each([
		[10, 10],
		[11, 10],
		[5000, 10],
	])("of %i findings there are %i lines", (count, lines) => {
		const text = githubAnnotations(withFindings(manyFindings(count)));
		expect(text.trimEnd().split("\n")).toHaveLength(lines);
		expect(text.includes(`::and ${count - 9} more\n`)).toBe(count > 10);
	});

	it("counts errors and warnings apart, as GitHub does", () => {
		const warnings = manyFindings(20).map((finding): Finding => ({ ...finding, level: "warning" }));
		const lines = githubAnnotations(withFindings([...manyFindings(20), ...warnings]))
			.trimEnd()
			.split("\n");
		expect(lines.filter((line) => line.startsWith("::error "))).toHaveLength(10);
		expect(lines.filter((line) => line.startsWith("::warning "))).toHaveLength(10);
	});

	it("tells a run that could not finish, with the cure", () => {
		expect(githubAnnotations(unchecked("soup"), ERROR)).toBe(
			`::error title=ERR_FILE_TRUNCATED::${ERROR.message}%0Afix: download it again\n`,
		);
	});
});

describe("githubOutputs", () => {
	it("gives digest and number of findings between delimiters", () => {
		expect(githubOutputs(FAILED)).toBe(
			"model-digest<<CLIP_SOUP_END\n\nCLIP_SOUP_END\nfindings<<CLIP_SOUP_END\n4\nCLIP_SOUP_END\n",
		);
		expect(githubOutputs(PASSED)).toContain(`model-digest<<CLIP_SOUP_END\n${PASSED.modelDigest}\nCLIP_SOUP_END\n`);
	});

	it("holds no line that a value could have made", () => {
		const forged = { ...PASSED, modelDigest: "x\nCLIP_SOUP_END\nevil<<E\ny\nE" };
		expect(githubOutputs(forged).split("\n")).toHaveLength(7);
	});
});
