/** A value of a key as this module reads and writes it; a list is one of scalars. */
export type YamlValue = string | readonly string[];

/** What YAML 1.1 or 1.2 reads as something other than a string. */
const RESERVED = /^(y|n|yes|no|on|off|true|false|null)$/i;

/** Begins with a letter and holds nothing that YAML gives a meaning to. */
const PLAIN = /^[A-Za-z][\w./-]*$/;

/** JSON leaves these as they are; YAML takes some for line breaks, and readers show others wrongly. */
const TO_ESCAPE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffe\uffff]/gu;

/**
 * A string as a YAML scalar on one line: plain where every parser reads it as this string, else in double quotes, of which
 * JSON's form is a part of YAML's.
 */
export function yamlScalar(text: string): string {
	if (PLAIN.test(text) && !RESERVED.test(text)) return text;
	// YAML has no lone surrogates.
	const quoted = JSON.stringify(text.replace(/\p{Cs}/gu, "\ufffd"));
	return quoted.replace(TO_ESCAPE, (character) => {
		const hex = (character.codePointAt(0) ?? 0).toString(16);
		return hex.length > 4 ? `\\U${hex.padStart(8, "0")}` : `\\u${hex.padStart(4, "0")}`;
	});
}

/** A key with its value as lines. */
export function yamlLines(key: string, value: YamlValue): string[] {
	if (typeof value === "string") return [`${key}: ${yamlScalar(value)}`];
	return [`${key}:`, ...value.map((item) => `- ${yamlScalar(item)}`)];
}

/** A scalar on one line, split from the comment behind it. */
export interface ScalarOnLine {
	/** Undefined if it is none that is read here: an anchor, an alias, a tag, a block or flow indicator. */
	readonly text: string | undefined;
	/** The comment with the blanks before it; empty if there is none. */
	readonly comment: string;
}

const COMMENT = /^([ \t]+#.*|[ \t]*)$/;

/** Reads what stands behind `key:` or `-`, without the blanks before it. */
export function readScalar(rest: string): ScalarOnLine {
	const quoted = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')(.*)$/.exec(rest);
	if (quoted !== null) {
		const [, literal = "", comment = ""] = quoted;
		return COMMENT.test(comment) ? { text: unquote(literal), comment } : { text: undefined, comment: "" };
	}
	const [, plain = "", comment = ""] = /^(.*?)([ \t]+#.*|[ \t]*)$/.exec(rest) ?? [];
	const isRead = !/^[-?:,[\]{}#&*!|>'"%@`]/.test(plain) && !/:([ \t]|$)/.test(plain);
	return { text: isRead ? plain : undefined, comment };
}

/** The items of `[a, "b"]`; undefined if it is no list of scalars on one line. */
export function readFlowList(text: string): readonly string[] | undefined {
	const inside = /^\[(.*)\]$/.exec(text)?.[1]?.trim();
	if (inside === undefined) return undefined;
	if (inside === "") return [];
	const items = inside.match(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,"'[\]{}#&*!|>%@`:]+|,|./g) ?? [];
	const values = items.map((item) => item.trim()).filter((item) => item !== "");
	const isList = values.every((value, index) => (value === ",") === (index % 2 === 1));
	if (!isList || values.length % 2 === 0) return undefined;
	const read = values.filter((_, index) => index % 2 === 0).map((value) => readScalar(value).text);
	return read.every((item) => item !== undefined) ? read : undefined;
}

function unquote(literal: string): string | undefined {
	if (literal.startsWith("'")) return literal.slice(1, -1).replaceAll("''", "'");
	try {
		// YAML has escapes that JSON has not, such as \x41: those are not read.
		return String(JSON.parse(literal));
	} catch {
		return undefined;
	}
}
