import { describe, expect, it } from "vitest";
import { markdownReport } from "../../src/reports/markdown.ts";
import { unchecked } from "../../src/reports/reported-error.ts";
import { ranCheck } from "../../src/verification.ts";
import { ERROR, FAILED, manyFindings, ORIGIN, PASSED, withFindings } from "./samples.ts";

const CHECK_IDS = ["CS001", "CS002", "CS003", "CS004", "CS005", "CS006"] as const;

describe("markdownReport", () => {
	it("is a table of the checks", () => {
		expect(markdownReport(PASSED)).toBe(
			[
				"## clip-soup verify: ✅ passed",
				"",
				"- **Checkpoint**: soup",
				"- **Model**: ViT-B-32, embedding 512",
				`- **Model digest**: sha256:${"ab".repeat(32)}`,
				`- **Canonical digest**: sha256:${"ab".repeat(32)}`,
				"",
				"| | Check | What was compared | Time |",
				"| --- | --- | --- | ---: |",
				"| ✅ passed | CS001 container | 2 files, 302 tensors | 0.3 s |",
				"| ✅ passed | CS006 finite | 151277313 elements | 1.5 s |",
				"| ➖ skipped | CS005 digests | no lock was given | 0.0 s |",
				"",
			].join("\n"),
		);
	});

	it("names a model on the Hub by its reference, and the commits that were read", () => {
		const pinned = { ...ORIGIN, reference: `hf:org/a@${ORIGIN.revision}` };
		const text = markdownReport({ ...PASSED, path: "hf:org/soup@main:x.safetensors", origins: [ORIGIN, pinned] });
		expect(text).toContain("- **Checkpoint**: hf:org/soup\\@main:x.safetensors\n");
		expect(text).toContain(
			`- **Commit**: hf:org/soup\\@main at ${ORIGIN.revision}\n- **Commit**: hf:org/a\\@${ORIGIN.revision}\n`,
		);
	});

	it("lists findings under their check, with nothing in them taken for markup", () => {
		const text = markdownReport(FAILED);
		expect(text).toContain("## clip-soup verify: ❌ 2 checks failed\n");
		expect(text).toContain(
			'### CS004: Every tensor has its dtype and shape\n\n- Found shape \\[768, 512\\] of "proj" \\<\\&\\> "x\\|y", expected',
		);
		expect(text).toContain("- warning: Found F64, which libraries read as F32\n");
		expect(text).toContain("### Notes\n\n- a note in two lines\n");
	});

	it("bounds the findings of a check", () => {
		const lines = markdownReport(withFindings(manyFindings(5000))).split("\n");
		expect(lines.filter((line) => line.startsWith("- Found"))).toHaveLength(50);
		expect(lines).toContain("- … and 4950 more");
	});

	it("tells a run that could not finish", () => {
		const text = markdownReport(unchecked("soup"), ERROR);
		expect(text).toContain("## clip-soup verify: ⚠️ could not finish\n");
		expect(text).toContain('> **ERR\\_FILE\\_TRUNCATED**: Cannot read "a.safetensors": found its end');
		expect(text).toContain("> Fix: download it again\n");
		expect(text).toContain("No check ran.");
	});

	it("stays within 1024 KiB, cut at a line, and tells so", () => {
		const notices = Array.from({ length: 3000 }, (_, index) => `${index} ${"ü".repeat(800)}`);
		const text = markdownReport({ ...PASSED, notices });
		expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024 * 1024);
		expect(Buffer.byteLength(text)).toBeGreaterThan(1024 * 1024 - 2000);
		const [, shown = "", rest] = /\n- (\d+) ü{800}\n\n_Cut here, (\d+) lines before the end/.exec(text) ?? [];
		// The notes, and the empty line after them.
		expect(Number(shown) + 1 + Number(rest)).toBe(notices.length + 1);
	});

	it("is not cut where it just fits", () => {
		const checks = CHECK_IDS.map((id) => ranCheck(id, 0, { detail: "x".repeat(900) }));
		expect(markdownReport({ ...PASSED, checks })).not.toContain("Cut here");
	});
});
