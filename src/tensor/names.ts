/**
 * Compares two strings by their UTF-8 bytes, which is also the order of their code points.
 *
 * JavaScript's `<` compares UTF-16 units and puts U+E000–U+FFFF after the characters beyond the BMP.
 */
export function compareUtf8(a: string, b: string): number {
	const length = Math.min(a.length, b.length);
	for (let i = 0; i < length; i++) {
		const x = a.charCodeAt(i);
		const y = b.charCodeAt(i);
		if (x !== y) return rotateSurrogates(x) - rotateSurrogates(y);
	}
	return a.length - b.length;
}

/** Moves the surrogates D800–DFFF above E000–FFFF, where their code points are. */
function rotateSurrogates(unit: number): number {
	if (unit < 0xd800) return unit;
	return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** Least share of a name's characters that a similar name has in common with it, at its start and end. */
const SIMILAR = 0.7;

/** Characters of the longest name that is compared with others: nobody types it, and all of them would be read. */
const LONGEST = 1000;

/** The name among `candidates` that was probably meant: the same with a prefix more or less, or a similar one. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
	if (name.length > LONGEST) return undefined;
	let best: string | undefined;
	let bestScore = SIMILAR;
	for (const candidate of candidates) {
		if (candidate.length > LONGEST) continue;
		if (candidate.endsWith(`.${name}`) || name.endsWith(`.${candidate}`)) return candidate;
		const score = commonEnds(name, candidate) / Math.max(name.length, candidate.length);
		if (score > bestScore) {
			best = candidate;
			bestScore = score;
		}
	}
	return best;
}

function commonEnds(a: string, b: string): number {
	const shorter = Math.min(a.length, b.length);
	let start = 0;
	while (start < shorter && a[start] === b[start]) start++;
	let end = 0;
	while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++;
	return start + end;
}
