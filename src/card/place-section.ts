import { lineEnd } from "./front-matter.ts";
import { malformed } from "./malformed.ts";

export const BEGIN = "<!-- clip-soup:begin -->";
export const END = "<!-- clip-soup:end -->";

/** Anything that may be meant as a marker. */
const MARKER = /<!--\s*clip-soup\s*:\s*(begin|end)\b.*?-->/gi;

/** Whether a text holds what could be taken for a marker. */
export function holdsMarker(text: string): boolean {
	return text.search(MARKER) >= 0;
}

/**
 * Puts the generated section between its markers into a card, in the place of the one it has, else at its end.
 *
 * Every byte outside of the markers stays as it is.
 * @param section without markers; gets the card's line ends
 * @throws {ClipSoupError} ERR_CONFIG_INVALID unless the card has one marker of each kind or none, each on a line of its own
 */
export function placeSection(card: string, section: string): string {
	const eol = lineEnd(card);
	const marked = [BEGIN, section.trim(), END].join("\n").replaceAll(/\r?\n/g, eol);
	const place = findSection(card);
	if (place !== undefined) return card.slice(0, place.start) + marked + card.slice(place.end);
	const gap = card === "" || card.endsWith(eol + eol) ? "" : card.endsWith("\n") ? eol : eol + eol;
	return `${card}${gap}${marked}${eol}`;
}

/** The section that a card has, without markers; undefined if it has none. @throws {ClipSoupError} as `placeSection` */
export function sectionOf(card: string): string | undefined {
	const place = findSection(card);
	return place && card.slice(place.start + BEGIN.length, place.end - END.length);
}

/** From the first character of the marker that begins it to the last of the one that ends it. */
function findSection(card: string): { readonly start: number; readonly end: number } | undefined {
	const markers = [...card.matchAll(MARKER)];
	const [begin, end] = markers;
	if (begin === undefined) return undefined;
	if (markers.length !== 2 || end === undefined || begin[0] !== BEGIN || end[0] !== END) {
		const found = markers.map(([text]) => text).join(", ");
		throw malformed(`the markers ${found}`, `one ${BEGIN} and behind it one ${END}, or neither`);
	}
	for (const marker of [begin, end]) {
		const before = card.slice(0, marker.index);
		const behind = card.slice(marker.index + marker[0].length);
		if (/(^|\n)$/.test(before) && /^(\r?\n|$)/.test(behind)) continue;
		throw malformed(`more in the line of ${marker[0]}`, "the marker on a line of its own");
	}
	return { start: begin.index, end: end.index + END.length };
}
