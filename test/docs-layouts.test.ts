import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PRESETS } from "../src/architectures/index.ts";
import { LAYOUTS, TARGETS } from "../src/layouts/index.ts";
import type { Rule } from "../src/layouts/rule.ts";

const PAGE = readFileSync("docs/layouts.md", "utf8");

/** Cells of all table rows, without the blanks that align them. */
const ROWS = PAGE.split("\n")
	.filter((line) => line.startsWith("|"))
	.map((line) =>
		line
			.slice(1, -1)
			.split("|")
			.map((cell) => cell.trim()),
	);

/** The text of the sections with headings of level 2, by heading. */
const SECTIONS = new Map(PAGE.split(/^## /m).map((text) => [text.slice(0, text.indexOf("\n")), text]));

function hasRow(...cells: readonly (string | RegExp)[]): boolean {
	return ROWS.some((row) =>
		cells.every((cell, index) => (typeof cell === "string" ? row[index] === cell : cell.test(row[index] ?? ""))),
	);
}

/** What the page calls a change of a tensor. */
const CHANGES: Readonly<Record<Rule["change"], RegExp>> = {
	same: /^$/,
	transposed: /^transposed$/,
	oneMore: /^with a leading 1$/,
	twoMore: /^with two leading 1s$/,
	single: /^as `\[1\]`$/,
	scalar: /^as `\[\]`$/,
};

function code(text: string): string {
	return `\`${text}\``;
}

describe("docs/layouts.md", () => {
	it("has a section for every target, and a row for what it writes", () => {
		for (const id of Object.keys(TARGETS)) {
			expect([...SECTIONS.keys()], id).toContain(code(id));
			expect(hasRow(code(id), /safetensors/, /json/), id).toBe(true);
		}
	});

	it("names every layout that --to takes", () => {
		for (const { family } of LAYOUTS) expect(hasRow(code(family)), family).toBe(true);
	});

	it("lists the presets, in the order of the source", () => {
		const listed = [...(SECTIONS.get("Presets") ?? "").matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
		expect(listed).toEqual([...PRESETS.keys()]);
	});

	const tables = LAYOUTS.flatMap((layout) =>
		layout.tables.map((table) => ({ ...table, layout: layout.id, name: `${layout.id}: ${table.title}` })),
	);

	// OpenCLIP's names are the canonical ones, and towers that are only read are told in words.
	const READ_ONLY = new Set(["CLIPTextModel of transformers 5", "text tower of transformers 4"]);
	const written = tables.filter(({ layout, title }) => layout !== "openclip" && !READ_ONLY.has(title));

	it.each(written)("has the rows of $name", ({ rules, zeros, exclusions }) => {
		const missing = rules.filter(({ canonical, stored, change }) => {
			const cell = stored.map(({ text }) => code(text)).join(", ");
			const words = stored.length > 1 ? /^rows in three equal parts$/ : CHANGES[change];
			return !hasRow(code(canonical.text), cell, words);
		});
		expect(missing.map(({ canonical }) => canonical.text)).toEqual([]);
		for (const { name, weight } of zeros)
			expect(hasRow("–", code(name), new RegExp(`zeros.*${weight}`)), name).toBe(true);
		for (const { canonical, fate, reason } of exclusions) {
			const cell = fate === "carried" ? "metadata" : "refused";
			expect(hasRow(code(canonical.text), cell, reason), canonical.text).toBe(true);
		}
	});

	it("has no row that no layout has", () => {
		const known = new Set(
			tables.flatMap(({ rules, exclusions }) => [...rules, ...exclusions].map(({ canonical }) => code(canonical.text))),
		);
		const canonical = ROWS.flatMap(([first = "", , third]) =>
			third !== undefined && /[.{_]/.test(first) ? [first] : [],
		);
		const names = canonical.filter((cell) => /^`[a-z_]+[.a-z0-9_{}+]*`$/.test(cell) && !cell.includes("safetensors"));
		const others = names.filter((cell) => !known.has(cell));
		expect(others).toEqual([]);
	});
});
