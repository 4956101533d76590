import { ClipSoupError } from "../errors.ts";
import { quote } from "./quote.ts";

const UNITS: ReadonlyMap<string, number> = new Map([
	["", 1],
	["B", 1],
	...["KB", "MB", "GB", "TB"].map((unit, power): [string, number] => [unit, 1000 ** (power + 1)]),
	...["KIB", "MIB", "GIB", "TIB"].map((unit, power): [string, number] => [unit, 1024 ** (power + 1)]),
]);

const BYTE_SIZE = /^(\d{1,15}(?:\.\d{1,15})?) ?([a-z]*)$/i;

/**
 * Bytes of a size such as `5GB`, `1.5 MiB` or `4096`; units in any case, fractions of a byte cut.
 *
 * @throws {ClipSoupError} ERR_USAGE if it is no such size, below 1 or beyond 2^53.
 */
export function parseByteSize(text: string): number {
	const [, amount = "", unit = ""] = BYTE_SIZE.exec(text.trim()) ?? [];
	const scale = UNITS.get(unit.toUpperCase());
	const size = amount === "" || scale === undefined ? Number.NaN : Math.floor(Number(amount) * scale);
	if (Number.isSafeInteger(size) && size > 0) return size;
	throw new ClipSoupError(
		"ERR_USAGE",
		`Cannot read a size: found ${quote(text)}, expected a number of at least 1 byte with a unit of B, KB, MB, GB, TB, KiB, MiB, GiB or TiB`,
		{ fix: "write it like 5GB or 512MiB", details: { found: text } },
	);
}
