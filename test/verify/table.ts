/** The page that tells what verify proves, and which faults it was seen to catch. */
export const PAGE = "docs/verification.md";

const BEGIN = "<!-- faults: written by test/verify/mutations.test.ts -->\n";
const END = "<!-- end of faults -->";

/** What became of a fault. */
export interface Caught {
	/** Ids: first the check that had to catch it, then others that failed too. */
	readonly by: readonly string[];
	/** The likely cause, or the message where there is none. */
	readonly text: string;
}

/** A chapter of the table. */
export interface Rows {
	readonly title: string;
	readonly rows: readonly (Caught & { readonly fault: string })[];
}

/** The faults as Markdown, a table for each chapter. */
export function tableOf(chapters: readonly Rows[]): string {
	return chapters
		.map(({ title, rows }) =>
			[
				`### ${title}`,
				"",
				"| planted fault | caught by | what it says |",
				"| --- | --- | --- |",
				...rows.map(({ fault, by, text }) => `| ${cell(fault)} | ${byText(by)} | ${cell(text)} |`),
				"",
			].join("\n"),
		)
		.join("\n");
}

function byText([first = "", ...others]: readonly string[]): string {
	return others.length === 0 ? `**${first}**` : `**${first}**, ${others.join(", ")}`;
}

/** Longest text of a cell: a message may list every tensor of a file. */
const MOST_CHARACTERS = 200;

function cell(text: string): string {
	const short = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
	return short.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("_", "\\_").replaceAll("\n", " ");
}

/** The table that a page has. */
export function tableIn(page: string): string {
	const [begin, end] = placesIn(page);
	return page.slice(begin, end);
}

/** The page with another table. */
export function pageWith(page: string, table: string): string {
	const [begin, end] = placesIn(page);
	return page.slice(0, begin) + table + page.slice(end);
}

function placesIn(page: string): [begin: number, end: number] {
	const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
	if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for the table`);
	return [begin + BEGIN.length, end];
}
