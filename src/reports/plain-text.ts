/** Characters of one text: a header can hold a name of 100 MB, and nobody reads more than this of one. */
const MOST_CHARACTERS = 1000;

/** What XML and terminals cannot hold or hide: controls, formats such as changes of direction, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\ufffe\uffff]/gu;

/** Text from a file or a message as reports hold it: one line, printable, not too long. */
export function plain(text: string): string {
	const start = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
	return start.replace(/[\t\r\n]+/g, " ").replace(UNPRINTABLE, "\ufffd");
}

/** `1 finding`, `3 findings`. */
export function counted(count: number, noun: string): string {
	return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
