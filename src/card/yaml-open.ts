/**
 * Whether the lines of a YAML value may leave a quoted text or a flow collection open at the end of a line.
 *
 * Such a value can go on at the start of the next line, and look like a key there. Text of block scalars is indented and
 * cannot. Says yes rather than no.
 */
export function leavesOpen(lines: readonly string[]): boolean {
	let blockColumn: number | undefined;
	for (const line of lines) {
		const text = line.trimEnd();
		if (text === "") continue;
		const indent = text.length - text.trimStart().length;
		if (blockColumn !== undefined && indent > blockColumn) continue;
		const { column, value } = valueOn(text);
		blockColumn = /^[|>]/.test(value) ? column : undefined;
		if (/^["'[{]/.test(value) && !isClosed(value)) return true;
	}
	return false;
}

const MARKER = /^-(?:[ \t]+|$)/;
const KEY = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'[\]{}#,][^:#]*?)[ \t]*:(?:[ \t]+|$)/;
const PROPERTY = /^[&!]\S*[ \t]+/;

/** What stands behind the dashes and keys of a line, and the column of the last of these. */
function valueOn(text: string): { readonly column: number; readonly value: string } {
	let column = text.length - text.trimStart().length;
	let value = text.slice(column);
	let at = column;
	for (const pattern of [MARKER, KEY, PROPERTY]) {
		for (let found = pattern.exec(value); found !== null; found = pattern === KEY ? null : pattern.exec(value)) {
			if (pattern !== PROPERTY) column = at;
			at += found[0].length;
			value = value.slice(found[0].length);
		}
	}
	return { column, value };
}

/** Whether quotes and brackets of a text that begins with one are closed at its end. */
function isClosed(text: string): boolean {
	const rest = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/g, "").replace(/[ \t]#.*$/, "");
	if (/["']/.test(rest)) return false;
	const opened = rest.match(/[[{]/g)?.length ?? 0;
	const closed = rest.match(/[\]}]/g)?.length ?? 0;
	return opened <= closed;
}
