import { malformed } from "./malformed.ts";
import { leavesOpen } from "./yaml-open.ts";
import { readFlowList, readScalar, type YamlValue, yamlLines, yamlScalar } from "./yaml-values.ts";

/** What becomes of one key: `set` replaces its value, `add` appends what its list does not have yet. */
export interface KeyChange {
	readonly key: string;
	readonly value: YamlValue;
	readonly how: "set" | "add";
}

/** A top-level key with its lines, line ends included; the first entry has no key if comments come before all keys. */
interface Entry {
	readonly key: string | undefined;
	/** What stands behind the colon. */
	readonly rest: string;
	/** The key's line and those of its value. */
	readonly own: readonly string[];
	/** Blank lines and comments between the value and the next key. */
	readonly tail: readonly string[];
}

/**
 * Changes keys in the YAML front matter of a model card, line by line: what is not changed keeps every byte and its place.
 *
 * No YAML parser is at work. Keys are lines that begin with one; what could hide a key from such a look (a quoted text or a
 * flow collection over several lines, anchors, merge keys) is refused, and so is a change that would lose a comment.
 * @throws {ClipSoupError} ERR_CONFIG_INVALID naming the line
 */
export function mergeFrontMatter(card: string, changes: readonly KeyChange[]): string {
	const { lead, block, rest, eol } = splitFrontMatter(card);
	if (block === undefined) {
		const lines = ["---", ...changes.flatMap(({ key, value }) => yamlLines(key, value)), "---", ""];
		return `${lead}${lines.join(eol)}${rest.trim() === "" ? "" : eol}${rest}`;
	}
	let entries = readEntries(block);
	for (const change of changes) entries = applyChange(entries, change, eol);
	const lines = entries.flatMap(({ own, tail }) => [...own, ...tail]);
	return `${lead}---${eol}${lines.join("")}${rest}`;
}

/** A value that the front matter has; undefined if it has no such key, or one that is not read here. */
export function readKey(card: string, key: string): YamlValue | undefined {
	const { block } = splitFrontMatter(card);
	const entry = readEntries(block ?? []).find((each) => each.key === key);
	return entry && readValue(entry)?.value;
}

interface SplitCard {
	/** A byte order mark and blank lines. */
	readonly lead: string;
	/** The lines between the dashes, line ends included; undefined if there is no front matter. */
	readonly block: readonly string[] | undefined;
	/** The closing dashes and what follows; all but `lead` if there is no front matter. */
	readonly rest: string;
	readonly eol: string;
}

/** Blanks before the dashes are what the Hub allows: huggingface_hub, `REGEX_YAML_BLOCK`. */
function splitFrontMatter(card: string): SplitCard {
	const [lead = ""] = /^\ufeff?(?:[ \t]*\r?\n)*/.exec(card) ?? [];
	const [first = "", ...others] = card.slice(lead.length).match(/[^\n]*\n|[^\n]+$/g) ?? [];
	const eol = lineEnd(first);
	if (!isDashes(first.trimStart()))
		return {
			lead: card.startsWith("\ufeff") ? "\ufeff" : "",
			block: undefined,
			rest: card.replace(/^\ufeff/, ""),
			eol,
		};
	if (first !== `---${eol}`) throw malformed(`the opening line ${JSON.stringify(first)}`, "--- with nothing around it");
	const end = others.findIndex((line) => isDashes(line));
	if (end < 0) throw malformed("no line --- that closes it", "one");
	return { lead, block: others.slice(0, end), rest: others.slice(end).join(""), eol };
}

/** The line end of a text's first line. */
export function lineEnd(text: string): string {
	return /^[^\n]*\r\n/.test(text) ? "\r\n" : "\n";
}

function isDashes(line: string): boolean {
	return /^---[ \t]*(\r?\n)?$/.test(line);
}

/** Patterns here take the square of a run of blanks, at worst; a line of this length a tenth of a second. */
const MOST_CHARACTERS = 10_000;

const BLANK_OR_COMMENT = /^[ \t]*(#.*)?$/;
const CONTINUATION = /^([ \t]|-([ \t]|$))/;
const KEY_LINE = /^(?:"([^"\\]*)"|'([^']*)'|([\p{L}\p{N}_][^:#"'{}[\],&*!|>%@`]*?))[ \t]*:(?:[ \t]+(.*))?$/u;
/** What stands behind the colon where YAML reads null. */
const NULL = /^(?:~|null|Null|NULL)?(?=[ \t]*$|[ \t]+#|#)/;

function readEntries(block: readonly string[]): Entry[] {
	const entries: { key: string | undefined; rest: string; own: string[]; tail: string[] }[] = [];
	for (const [index, line] of block.entries()) {
		// The dashes are line 1 of the front matter.
		const place = `line ${index + 2}`;
		const text = line.replace(/\r?\n$/, "");
		if (/[\r\u0085\u2028\u2029\0]/.test(text))
			throw malformed(`a line break of another kind in ${place}`, "LF or CRLF");
		if (text.length > MOST_CHARACTERS)
			throw malformed(`${text.length} characters in ${place}`, `at most ${MOST_CHARACTERS}`);
		const last = entries.at(-1);
		const [, double, single, plain, rest = ""] = KEY_LINE.exec(text) ?? [];
		const key = double ?? single ?? plain;
		if (BLANK_OR_COMMENT.test(text)) {
			if (last === undefined) entries.push({ key: undefined, rest: "", own: [], tail: [line] });
			else last.tail.push(line);
		} else if (CONTINUATION.test(text) && last?.key !== undefined) {
			last.own.push(...last.tail.splice(0), line);
		} else if (key !== undefined) {
			if (entries.some((entry) => entry.key === key))
				throw malformed(`the key "${key}" twice, again in ${place}`, "it once");
			entries.push({ key, rest, own: [line], tail: [] });
		} else throw malformed(`${JSON.stringify(text.slice(0, 60))} in ${place}`, "a key, its value, or a comment");
	}
	for (const { key, own } of entries) {
		if (leavesOpen(own))
			throw malformed(`a value of "${key}" that goes on over several lines in quotes or brackets`, "it on one line");
	}
	return entries;
}

function applyChange(entries: readonly Entry[], { key, value, how }: KeyChange, eol: string): Entry[] {
	const index = entries.findIndex((entry) => entry.key === key);
	const entry = entries[index];
	const fresh = yamlLines(key, value).map((line) => line + eol);
	if (entry === undefined) return [...entries, { key, rest: "", own: fresh, tail: [] }];
	const own = how === "add" ? withItems(entry, [value].flat(), eol) : withValue(entry, value, fresh);
	return entries.with(index, { ...entry, own });
}

/** The lines of an entry with another value, and with the comment behind the old one. */
function withValue(entry: Entry, value: YamlValue, fresh: readonly string[]): readonly string[] {
	const current = readValue(entry);
	if (current === undefined) throw unread(entry);
	if (isSame(current.value, value)) return entry.own;
	if (current.hasInnerComment)
		throw malformed(`a comment within the value of "${entry.key}", which changes`, "comments above it only");
	const [first = "", ...rest] = fresh;
	return [first.replace(/\r?\n$/, (end) => current.comment.trimEnd() + end), ...rest];
}

/** The lines of an entry whose list holds these items too. */
function withItems(entry: Entry, items: readonly string[], eol: string): readonly string[] {
	const current = readValue(entry);
	if (current === undefined) throw unread(entry);
	if (typeof current.value === "string") return withFirstItems(entry, items, eol);
	const missing = items.filter((item) => !current.value.includes(item));
	if (missing.length === 0) return entry.own;
	if (current.flow === undefined) {
		const indent = /^([ \t]*)-/m.exec(entry.own.slice(1).join(""))?.[1] ?? "";
		return [...entry.own, ...missing.map((item) => `${indent}- ${yamlScalar(item)}${eol}`)];
	}
	const joined = [
		...(current.value.length === 0 ? [] : [current.flow.slice(1, -1).trim()]),
		...missing.map(yamlScalar),
	];
	const [line = ""] = entry.own;
	// The list stands where the key's line has it last: a key holds no bracket.
	const at = line.indexOf(current.flow);
	return [`${line.slice(0, at)}[${joined.join(", ")}]${line.slice(at + current.flow.length)}`];
}

/** The lines of an entry that has no value, or YAML's null, with a list. */
function withFirstItems({ key, own, rest }: Entry, items: readonly string[], eol: string): readonly string[] {
	const [nothing] = NULL.exec(rest) ?? [];
	if (nothing === undefined) throw malformed(`one value of "${key}"`, "a list");
	const [line = "", ...others] = own;
	const at = line.lastIndexOf(rest);
	const bare = nothing === "" ? line : line.slice(0, at).trimEnd() + line.slice(at + nothing.length);
	return [bare, ...others, ...items.map((item) => `- ${yamlScalar(item)}${eol}`)];
}

interface ReadValue {
	readonly value: YamlValue;
	/** The list as it is written, if it is in brackets. */
	readonly flow?: string;
	/** Behind the value, on the key's line. */
	readonly comment: string;
	/** Whether a line of the value has a comment that has no place in another one. */
	readonly hasInnerComment: boolean;
}

/** The value of an entry: a scalar, or a list of scalars; undefined if it is something else. */
function readValue({ own, rest }: Entry): ReadValue | undefined {
	const [, ...others] = own.map((line) => line.replace(/\r?\n$/, ""));
	const [, flow, behind = ""] = /^(\[.*\])([ \t]+#.*|[ \t]*)$/.exec(rest) ?? [];
	if (others.length === 0 && flow !== undefined) {
		const value = readFlowList(flow);
		return value && { value, flow, comment: behind, hasInnerComment: false };
	}
	const head = rest.startsWith("#") ? { text: "", comment: ` ${rest}` } : readScalar(rest);
	if (head.text === undefined) return undefined;
	if (others.length === 0) return { value: head.text, comment: head.comment, hasInnerComment: false };
	const items = others
		.filter((line) => !BLANK_OR_COMMENT.test(line))
		.map((line) => /^[ \t]*-[ \t]+(.*)$/.exec(line)?.[1]);
	const read = items.map((item) => (item === undefined ? undefined : readScalar(item)));
	const value = read.flatMap((item) => item?.text ?? []);
	if (head.text !== "" || value.length !== items.length) return undefined;
	const hasInnerComment =
		others.some((line) => BLANK_OR_COMMENT.test(line)) || read.some((item) => item?.comment.trim());
	return { value, comment: head.comment, hasInnerComment };
}

function isSame(a: YamlValue, b: YamlValue): boolean {
	return JSON.stringify(a) === JSON.stringify(b);
}

function unread({ key }: Entry) {
	return malformed(
		`a value of "${key}" that is no scalar and no list of scalars`,
		"one, since clip-soup writes this key",
	);
}
