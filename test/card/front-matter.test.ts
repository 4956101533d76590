import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KeyChange, mergeFrontMatter, readKey } from "../../src/card/front-matter.ts";
import { readScalar, yamlScalar } from "../../src/card/yaml-values.ts";

const CHANGES: readonly KeyChange[] = [
	{ key: "license", value: "mit", how: "set" },
	{ key: "tags", value: ["clip", "merge"], how: "add" },
	{ key: "base_model", value: ["org/a", "org/b"], how: "set" },
];

function merged(block: string, changes: readonly KeyChange[] = CHANGES): string {
	const text = mergeFrontMatter(`---\n${block}---\nbody\n`, changes);
	expect(text).toMatch(/^---\n[\s\S]*\n---\nbody\n$/);
	return text.slice(4, -"---\nbody\n".length);
}

describe("mergeFrontMatter", () => {
	it("writes front matter where there is none, below a byte order mark", () => {
		const expected = "---\nlicense: mit\ntags:\n- clip\n- merge\nbase_model:\n- org/a\n- org/b\n---\n";
		expect(mergeFrontMatter("# Title\n", CHANGES)).toBe(`${expected}\n# Title\n`);
		expect(mergeFrontMatter("\ufeff# Title\n", CHANGES)).toBe(`\ufeff${expected}\n# Title\n`);
	});

	it("changes values in place and keeps keys, comments, order and quoting of the rest", () => {
		const block =
			'# mine\nlanguage: \'en\'  # one\nlicense: apache-2.0  # asked legal\n\n# lineage\nbase_model:\n  - org/old\n# end of it\nmodel-index:\n- name: |\n    license: "x\n  other: {a: [1, 2]}\ntags: [a, "b c"] # two\nz: 1\n';
		expect(merged(block)).toBe(
			'# mine\nlanguage: \'en\'  # one\nlicense: mit  # asked legal\n\n# lineage\nbase_model:\n- org/a\n- org/b\n# end of it\nmodel-index:\n- name: |\n    license: "x\n  other: {a: [1, 2]}\ntags: [a, "b c", clip, merge] # two\nz: 1\n',
		);
	});

	it("appends to a list with the indentation it has, and leaves one alone that has all", () => {
		const tags = CHANGES.slice(1, 2);
		expect(merged("tags:\n  - mine # why\n\nz: 1\n", tags)).toBe(
			"tags:\n  - mine # why\n  - clip\n  - merge\n\nz: 1\n",
		);
		for (const [nothing, bare] of [
			["tags:", "tags:"],
			["tags: # why", "tags: # why"],
			["tags: ~", "tags:"],
			["t: ~\n'tags':  null  # why", "t: ~\n'tags':  # why"],
			["étiquettes: a\ntags: NULL", "étiquettes: a\ntags:"],
		] as const) {
			expect(merged(`${nothing}\n`, tags)).toBe(`${bare}\n- clip\n- merge\n`);
		}
		expect(merged("tags: []\n", tags)).toBe("tags: [clip, merge]\n");
		for (const block of ["tags: [merge,'clip']\n", 'tags:\n# x\n- merge\n- other\n- "clip"\n']) {
			expect(merged(block, tags)).toBe(block);
		}
	});

	it("leaves a value alone that is the same in another spelling", () => {
		for (const block of ['license: "mit"\n', "license:   'mit'   # c\n", '"license": mit\n']) {
			expect(merged(block, CHANGES.slice(0, 1))).toBe(block);
		}
	});

	it("keeps the line ends of the file", () => {
		expect(mergeFrontMatter("---\r\nx: 1\r\n---\r\nbody", CHANGES.slice(0, 1))).toBe(
			"---\r\nx: 1\r\nlicense: mit\r\n---\r\nbody",
		);
	});

	it.each([
		["front matter that is not closed", "---\nlicense: x\n"],
		["dashes with blanks", "--- \nx: 1\n---\n"],
		["indented dashes", "  ---\nx: 1\n---\n"],
		["a key twice", "---\nx: 1\nlicense: a\nlicense: b\n---\n"],
		["a key twice in other quotes", '---\nlicense: a\n"license": b\n---\n'],
		["a merge key", "---\n<<: *base\n---\n"],
		["a list at the top", "---\n- a\n---\n"],
		["a value before any key", "---\n  a\n---\n"],
		["text that is no key", "---\nlicense\n---\n"],
		["a complex key", "---\n? a\n: b\n---\n"],
		["another document", "---\na: 1\n...\n---\n"],
		["a quoted text over several lines", '---\ndescription: "a\nlicense: b"\n---\n'],
		["an item in quotes over several lines", "---\nnames:\n- 'a\nlicense: b'\n---\n"],
		["a nested value in quotes over several lines", '---\nnames:\n- k: |\n    text\n  j: "a\nlicense: b"\n---\n'],
		["a list in brackets over several lines", "---\ntags: [a,\nb]\n---\n"],
		["a tagged text over several lines", '---\nd: !!str "a\nlicense: b"\n---\n'],
		["a value with an anchor that would go", "---\nlicense: &l apache-2.0\nother: *l\n---\n"],
		["a block text where a scalar belongs", "---\nlicense: |\n  mit\n---\n"],
		["a comment that would go", "---\nbase_model:\n- org/x # keep me\n---\n"],
		["tags that are no list", "---\ntags: clip\n---\n"],
		["tags that are an empty text", "---\ntags: ''\n---\n"],
		["tags that are a mapping", "---\ntags:\n  a: b\n---\n"],
		["a line that would take long to look at", `---\nx: a${" ".repeat(1e6)}b\n---\n`],
		["a line break of old Macs", "---\nx: 1\rlicense: a\n---\n"],
	])("refuses %s", (_, card) => {
		expect(() => mergeFrontMatter(card, CHANGES)).toThrow(
			expect.objectContaining({
				code: "ERR_CONFIG_INVALID",
				message: expect.stringContaining("Cannot change the model card"),
			}),
		);
	});

	const foreign = fc.constantFrom(
		"language: en\n",
		"# a comment\n",
		"\n",
		"datasets:\n- laion/laion2B-en\n",
		"model-index:\n- name: x\n  results:\n  - metrics: [{value: 1}]\n",
		'widget: |\n  --- text "\n\n  more\n',
		"'quoted key': \"v: w\" # c\n",
		"metrics: [accuracy, 'f1']\n",
	);
	const own = fc.constantFrom(
		"license: mit\n",
		"license: other # c\n",
		"tags:\n- a\n",
		"tags: [b]\n",
		"base_model: org/a\n",
		"base_model:\n- org/z\n",
	);
	const block = fc
		.tuple(fc.uniqueArray(foreign, { maxLength: 8 }), fc.uniqueArray(own, { selector: (line) => line.split(":")[0] }))
		.chain(([a, b]) => fc.shuffledSubarray([...a, ...b], { minLength: a.length + b.length }));

	it("is idempotent, and keeps every foreign line and their order", () => {
		fc.assert(
			fc.property(block, fc.constantFrom("\n", "\r\n"), fc.string(), (lines, eol, body) => {
				const card = `---\n${lines.join("")}---\n${body.replaceAll("\r", "")}`.replaceAll("\n", eol);
				const once = mergeFrontMatter(card, CHANGES);
				expect(mergeFrontMatter(once, CHANGES)).toBe(once);
				const isForeign = (line: string) => !/^(license|tags|base_model):/.test(line);
				let at = 0;
				for (const line of lines.filter(isForeign)) {
					at = once.indexOf(line.replaceAll("\n", eol), at);
					expect(at).toBeGreaterThanOrEqual(0);
				}
				expect(once.endsWith(`---\n${body.replaceAll("\r", "")}`.replaceAll("\n", eol))).toBe(true);
				expect(readKey(once, "license")).toBe("mit");
				expect(readKey(once, "base_model")).toEqual(["org/a", "org/b"]);
				expect(readKey(once, "tags")).toEqual(expect.arrayContaining(["clip", "merge"]));
			}),
		);
	});

	it("changes nothing, or refuses, where nothing is to be changed", () => {
		fc.assert(
			fc.property(fc.string({ unit: fc.constantFrom("-", "\n", ":", " ", "a", '"', "#", "[", "\r", "'") }), (text) => {
				const card = `---\n${text}\n---\nx`;
				try {
					expect(mergeFrontMatter(card, [])).toBe(card);
				} catch (error) {
					expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID" });
				}
			}),
		);
	});
});

describe("yamlScalar", () => {
	it("stays on one line and comes back as it was", () => {
		fc.assert(
			fc.property(fc.string({ unit: "grapheme" }), (text) => {
				const scalar = yamlScalar(text);
				expect(scalar).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
				if (!/\\U/.test(scalar)) expect(readScalar(`${scalar} # c`)).toEqual({ text, comment: " # c" });
			}),
		);
	});

	it.each([
		"no",
		"True",
		"null",
		"1.0",
		"1e3",
		"-",
		"- a",
		"a: b",
		"#a",
		"",
		"~",
		"2024-01-01",
		"a\nb",
		"*a",
		"y",
		"0x1",
	])("quotes %j", (text) => {
		expect(yamlScalar(text)).toBe(JSON.stringify(text));
	});
});
