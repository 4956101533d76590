import * as z from "zod";

const bound = z.number();
const count = z.int("a whole number").nonnegative("a whole number");

/** What must hold of every tensor whose name matches. */
export const expectationSchema = z
	.strictObject({
		absMax: bound.nonnegative().optional().describe("Largest magnitude of a finite element."),
		match: z
			.string()
			.min(1)
			.describe("Pattern of names: * within a part between dots, ** across parts, ? one character."),
		max: bound.optional(),
		min: bound.optional(),
		nonFinite: count.optional().describe("Most elements that may be NaN or infinite."),
		rms: z
			.tuple([bound, bound])
			.refine(([low, high]) => low <= high, "the lower bound first")
			.optional()
			.describe("Lower and upper bound of the root of the mean of the squares."),
		zeros: count.optional().describe("Most elements that may be 0."),
	})
	.refine(({ match: _, ...rest }) => Object.keys(rest).length > 0, "a bound, such as nonFinite");

export type Expectation = z.infer<typeof expectationSchema>;

/**
 * Whether a tensor's name matches a pattern as a whole.
 *
 * `*` stands for any characters but a dot, `**` for any at all, `?` for one that is no dot. The positions that the
 * pattern can have reached are followed all at once, so that no pattern takes longer than its length times the name's.
 */
export function matchesName(pattern: string, name: string): boolean {
	const tokens = pattern.match(/\*\*|[\s\S]/gu) ?? [];
	let reached = withSkips(new Set([0]), tokens);
	for (const character of name) {
		const next = new Set<number>();
		for (const position of reached) {
			const token = tokens[position];
			if (token === undefined) continue;
			if (isRun(token)) {
				if (token === "**" || character !== ".") next.add(position);
			} else if (token === character || (token === "?" && character !== ".")) next.add(position + 1);
		}
		reached = withSkips(next, tokens);
	}
	return reached.has(tokens.length);
}

function isRun(token: string | undefined): boolean {
	return token === "*" || token === "**";
}

/** Positions with those behind runs, which may stand for nothing. A set visits what is added on the way. */
function withSkips(positions: Set<number>, tokens: readonly string[]): ReadonlySet<number> {
	for (const position of positions) if (isRun(tokens[position])) positions.add(position + 1);
	return positions;
}
