/** Inputs of a tower, one a row, of which only a few need to be in memory. Close them after use. */
export interface InputRows extends AsyncDisposable {
	/** What messages and results call each: the path of a picture, a text, `pixel_values[0]`. */
	readonly names: readonly string[];
	/** `count` rows from row `first` on, row-major: float32 pixels or int64 token ids. */
	read(first: number, count: number): Promise<Float32Array | BigInt64Array>;
}

/** Characters of a name that messages and tables show. */
const MOST_SHOWN = 60;

/** The name of a row, which may be a text of any length, as messages and tables show it. */
export function shortName(name: string): string {
	const characters = [...name];
	return characters.length <= MOST_SHOWN ? name : `${characters.slice(0, MOST_SHOWN - 1).join("")}…`;
}
