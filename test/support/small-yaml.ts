/** A value of the YAML that workflows of this project are written in. */
export type SmallYaml = string | readonly SmallYaml[] | { readonly [key: string]: SmallYaml };

interface Line {
	readonly indent: number;
	readonly text: string;
}

/**
 * Reads the part of YAML that action.yml and the workflows use: nested mappings and lists, scalars that are plain or in double
 * quotes, short lists in brackets, and block literals. Throws on anything else.
 */
export function parseSmallYaml(text: string): SmallYaml {
	const lines = text.split("\n").map((line): Line => ({ indent: line.search(/\S|$/), text: line.trim() }));
	const reader = { lines, at: 0 };
	const value = readNode(reader, 0);
	skipBlank(reader);
	if (reader.at < lines.length) throw new Error(`cannot read line ${reader.at + 1}`);
	return value;
}

interface Reader {
	readonly lines: readonly Line[];
	at: number;
}

function skipBlank(reader: Reader): Line | undefined {
	while (/^(#.*)?$/.test(reader.lines[reader.at]?.text ?? "end")) reader.at++;
	return reader.lines[reader.at];
}

function readNode(reader: Reader, indent: number): SmallYaml {
	return skipBlank(reader)?.text.startsWith("- ") ? readList(reader, indent) : readMapping(reader, indent);
}

function readList(reader: Reader, indent: number): SmallYaml[] {
	const items: SmallYaml[] = [];
	for (let line = skipBlank(reader); line?.indent === indent && line.text.startsWith("- "); line = skipBlank(reader)) {
		const inner = { ...line, indent: indent + 2, text: line.text.slice(2) };
		const rest: Reader = { lines: reader.lines.with(reader.at, inner), at: reader.at };
		items.push(readMapping(rest, indent + 2));
		reader.at = rest.at;
	}
	return items;
}

function readMapping(reader: Reader, indent: number): SmallYaml {
	const entries: [string, SmallYaml][] = [];
	for (let line = skipBlank(reader); line?.indent === indent; line = skipBlank(reader)) {
		const [, key, rest = ""] = /^([\w-]+):(?: (.*))?$/.exec(line.text) ?? [];
		if (key === undefined) throw new Error(`cannot read line ${reader.at + 1}: ${line.text}`);
		reader.at++;
		if (entries.some(([each]) => each === key)) throw new Error(`${key} twice`);
		entries.push([key, rest === "|" ? readLiteral(reader, indent) : readScalarOr(reader, indent, rest)]);
	}
	if (entries.length === 0) throw new Error(`nothing at line ${reader.at + 1}`);
	return Object.fromEntries(entries);
}

function readScalarOr(reader: Reader, indent: number, text: string): SmallYaml {
	if (text === "") return readNode(reader, skipBlank(reader)?.indent ?? indent);
	if (text.startsWith('"')) return String(JSON.parse(text));
	if (text.startsWith("["))
		return text
			.slice(1, -1)
			.split(",")
			.map((item) => item.trim());
	if (/^['&*!|>%@`{]|: | #/.test(text)) throw new Error(`cannot read ${text}`);
	return text;
}

function readLiteral(reader: Reader, outer: number): string {
	const found: Line[] = [];
	for (let line = reader.lines[reader.at]; line !== undefined; line = reader.lines[reader.at]) {
		if (line.text !== "" && line.indent <= outer) break;
		found.push(line);
		reader.at++;
	}
	const indent = found.find(({ text }) => text !== "")?.indent ?? 0;
	return `${found
		.map((line) => " ".repeat(Math.max(0, line.indent - indent)) + line.text)
		.join("\n")
		.trimEnd()}\n`;
}
