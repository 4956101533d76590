import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../src/errors.ts";

interface Section {
	readonly code: string;
	/** From the heading of its group: one, or two for signals. */
	readonly exitCodes: readonly number[];
	readonly text: string;
}

const SECTIONS = readSections(readFileSync("docs/errors.md", "utf8"));

function readSections(page: string): Section[] {
	return page.split(/^## /m).flatMap((group) => {
		const [heading = "", ...sections] = group.split(/^### /m);
		const exitCodes = (/exit status (.*)$/m.exec(heading)?.[1]?.match(/\d+/g) ?? []).map(Number);
		return sections.map((section) => ({ code: section.slice(0, section.indexOf("\n")), exitCodes, text: section }));
	});
}

/** What ends a run without being a `ClipSoupError`. */
const OTHERS: Readonly<Record<string, readonly number[]>> = { ERR_INTERNAL: [70], ERR_INTERRUPTED: [130, 143] };

describe("docs/errors.md", () => {
	it("has every code once, in the order of the source, with its exit status", () => {
		const expected = Object.entries(ERROR_CODES).map(([code, exitCode]): [string, readonly number[]] => [
			code,
			[exitCode],
		]);
		expect(SECTIONS.map(({ code, exitCodes }) => [code, exitCodes])).toEqual([...expected, ...Object.entries(OTHERS)]);
	});

	const reserved = SECTIONS.filter(({ text }) => text.includes("Reserved: "));
	const used = SECTIONS.filter((section) => !reserved.includes(section));

	it.each(used)("tells cause, example and cure of $code", ({ code, text }) => {
		const [cause = "", ...rest] = text.split("```");
		expect(cause.replace(code, "").trim()).not.toBe("");
		expect(rest[0]).toMatch(code === "ERR_INTERRUPTED" ? /Interrupted by SIGINT/ : `error[${code}]: `);
		if (code in ERROR_CODES) expect(rest[0]).toMatch(/\n {2}fix: \S/);
		expect(rest[1]).toMatch(/\nCure: \S/);
	});

	it("calls no code reserved that something raises", () => {
		const source = sourceFiles("src").filter((file) => file !== join("src", "errors.ts"));
		const text = source.map((file) => readFileSync(file, "utf8")).join("\n");
		expect(reserved.map(({ code }) => code).filter((code) => text.includes(`"${code}"`))).toEqual([]);
	});
});

function sourceFiles(folder: string): string[] {
	return readdirSync(folder, { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".ts"))
		.map((name) => join(folder, name));
}
