import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CHECKS } from "../src/verification.ts";

const PAGE = readFileSync("docs/lock.md", "utf8");

/** First cells of table rows. */
const CELLS = [...PAGE.matchAll(/^\| (\S[^|]*?) +\|/gm)].map(([, cell]) => cell ?? "");

interface Node {
	readonly properties?: Readonly<Record<string, Node>>;
	readonly required?: readonly string[];
	readonly items?: Node;
}

/** Every field as the page writes it, but for those that hold nothing besides fields that must be there. */
function fieldsOf({ properties = {}, required = [] }: Node, prefix = ""): string[] {
	return Object.entries(properties).flatMap(([name, node]) => {
		const path = `${prefix}${name}`;
		const isOptional = !required.includes(name);
		const element = node.items ?? {};
		const inner = [...fieldsOf(node, `${path}.`), ...fieldsOf(element, `${path}[].`)];
		const own = isOptional || inner.length === 0 ? [isOptional ? `${path}?` : path] : [];
		return [...own, ...inner];
	});
}

it("docs/lock.md describes every field of the schema, and no other", () => {
	const schema: Node = JSON.parse(readFileSync("schemas/clip-soup.lock.v1.schema.json", "utf8"));
	const described = CELLS.filter((cell) => cell.startsWith("`")).map((cell) => cell.replaceAll("`", ""));
	expect(described.toSorted()).toEqual(fieldsOf(schema).toSorted());
});

it("docs/lock.md calls checks as reports do", () => {
	const told = CELLS.filter((cell) => cell.startsWith("CS"));
	expect(told).toHaveLength(5);
	const names = Object.entries(CHECKS).map(([id, { name }]) => `${id} ${name}`);
	for (const check of told) expect(names).toContain(check);
});
