/** A header can hold a name of 100 MB; no message needs more of it than this. */
const MAX_QUOTED_LENGTH = 200;

/** `text` in double quotes for a message, escaped as in JSON, cut when it is very long. */
export function quote(text: string): string {
	return text.length <= MAX_QUOTED_LENGTH
		? JSON.stringify(text)
		: `${JSON.stringify(text.slice(0, MAX_QUOTED_LENGTH))}… (${text.length} characters)`;
}
