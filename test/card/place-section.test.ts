import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BEGIN, END, placeSection, sectionOf } from "../../src/card/place-section.ts";

describe("placeSection", () => {
	it("puts the section at the end of a card that has none", () => {
		expect(placeSection("# Mine", "new")).toBe(`# Mine\n\n${BEGIN}\nnew\n${END}\n`);
		expect(placeSection("# Mine\n", "new")).toBe(`# Mine\n\n${BEGIN}\nnew\n${END}\n`);
		expect(placeSection("# Mine\r\n\r\n", "a\nb")).toBe(`# Mine\r\n\r\n${BEGIN}\r\na\r\nb\r\n${END}\r\n`);
	});

	const text = fc.string({ unit: fc.constantFrom("a", "\n", " ", "-", "<", "é", "`", "|", "\r\n") });

	it("keeps every byte outside of the markers, and is idempotent", () => {
		fc.assert(
			fc.property(text, text, text, (before, behind, section) => {
				const card = `${before}\n${BEGIN}\nold\n${END}\n${behind}`;
				const placed = placeSection(card, section);
				expect(placed.startsWith(`${before}\n${BEGIN}`)).toBe(true);
				expect(placed.endsWith(`${END}\n${behind}`)).toBe(true);
				expect(placeSection(placed, section)).toBe(placed);
			}),
		);
	});

	it("keeps a card without markers whole, and is idempotent on what comes out", () => {
		fc.assert(
			fc.property(text, text, (card, section) => {
				const placed = placeSection(card, section);
				expect(placed.startsWith(card)).toBe(true);
				expect(placeSection(placed, section)).toBe(placed);
			}),
		);
	});

	it.each([
		["two sections", `${BEGIN}\na\n${END}\n${BEGIN}\nb\n${END}\n`],
		["a second beginning", `${BEGIN}\n${BEGIN}\na\n${END}\n`],
		["no end", `${BEGIN}\na\n`],
		["no beginning", `a\n${END}\n`],
		["the end first", `${END}\na\n${BEGIN}\n`],
		["a marker within a line", `see ${BEGIN}\na\n${END}\n`],
		["text behind a marker", `${BEGIN}\na\n${END} and more\n`],
		["a marker spelt otherwise", `<!--clip-soup:begin-->\na\n${END}\n`],
		["a marker with more in it", `<!-- clip-soup:begin v2 -->\na\n${END}\n`],
	])("refuses %s", (_, card) => {
		expect(() => placeSection(card, "new")).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
	});

	it("gives the section that is there", () => {
		expect(sectionOf(placeSection("x", "## Training\n"))).toBe("\n## Training\n");
		expect(sectionOf("x")).toBeUndefined();
	});
});
