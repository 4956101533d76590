/** What `git check-ref-format` refuses in a branch or a tag. */
const REFUSED: readonly RegExp[] = [
	// biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses exactly these
	/[\u0000-\u0020\u007f~^:?*[\\]/,
	/\.\.|@\{|\/\//,
	/(?:^|\/)\./,
	/\.lock(?:\/|$)/,
	/^[-/]|[/.]$/,
	/^@?$/,
	// What `git branch` and `git tag` refuse besides.
	/^HEAD$/,
	// Full names: the Hub takes short ones, and keeps pull requests here.
	/^refs\//,
];

/** Whether git and the Hub take a text as the name of a branch or a tag. */
export function isRefName(text: string): boolean {
	return !REFUSED.some((form) => form.test(text));
}
