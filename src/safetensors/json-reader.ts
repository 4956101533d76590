import type { ClipSoupError } from "../errors.ts";
import { quote } from "./quote.ts";

/** What a JSON value is, told by its first byte. */
export type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null";

/** Nesting that serde_json reads, the parser of the reference implementation: its limit of 128 counts the one it refuses. */
const MAX_DEPTH = 127;
/**
 * V8 hashes longer strings by their length alone: a map of a thousand names of one length and 100,000 characters would
 * compare each with all others, for minutes.
 */
const MAX_NAME_LENGTH = 16_383;
const MAX_U64 = 2n ** 64n - 1n;
/** Any number of so many digits is below 2^53 and thus exact while its digits are summed up. */
const MAX_SAFE_DIGITS = 15;

const END = -1;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LAST_ASCII = 0x7f;

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const U64_DIGITS = /^\d{1,20}$/;
/** With the `u` flag a well-formed pair is one character, so that only a lone half matches. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const NUMBER_BYTES: ReadonlySet<number> = new Set(Buffer.from("+-.0123456789Ee"));
const WORDS = ["true", "false", "null"].map((word) => Buffer.from(word));

const KINDS: ReadonlyMap<number, JsonKind> = new Map<number, JsonKind>([
	[OPEN_BRACE, "object"],
	[OPEN_BRACKET, "array"],
	[QUOTE, "string"],
	...[..."-0123456789"].map((digit): [number, JsonKind] => [digit.charCodeAt(0), "number"]),
	...[..."tf"].map((letter): [number, JsonKind] => [letter.charCodeAt(0), "boolean"]),
	["n".charCodeAt(0), "null"],
]);

/** Whether `text` holds half of a surrogate pair, which UTF-8 cannot express. */
export function hasLoneSurrogate(text: string): boolean {
	return LONE_SURROGATE.test(text);
}

/**
 * Reads JSON strictly, front to back, from bytes known to be valid UTF-8.
 *
 * Names have at most `MAX_NAME_LENGTH` characters. Unlike `JSON.parse` it shows repeated names, tells `2` from `2.0`, keeps 64-bit integers, refuses lone surrogates, numbers
 * beyond float64 and nesting deeper than 127, and builds nothing that its caller does not ask for.
 * Every method skips white space first and throws what `fault` makes of a syntax error.
 */
export class JsonReader {
	readonly #bytes: Buffer;
	readonly #fault: (found: string, expected: string) => ClipSoupError;
	#position = 0;
	#depth = 0;

	constructor(bytes: Buffer, fault: (found: string, expected: string) => ClipSoupError) {
		this.#bytes = bytes;
		this.#fault = fault;
	}

	/** Kind of the next value, which stays unread. */
	peek(): JsonKind {
		const kind = KINDS.get(this.#next());
		if (kind === undefined) throw this.#unexpected("a value");
		return kind;
	}

	/** Reads an object; `visit` gets each name and must read the value. */
	object(visit: (name: string) => void): void {
		this.#open(OPEN_BRACE, "an object");
		if (!this.#take(CLOSE_BRACE)) {
			do {
				const name = this.string();
				if (name.length > MAX_NAME_LENGTH) throw this.#nameTooLong(name);
				if (!this.#take(COLON)) throw this.#unexpected('":"');
				visit(name);
			} while (this.#take(COMMA));
			if (!this.#take(CLOSE_BRACE)) throw this.#unexpected('"," or "}"');
		}
		this.#depth--;
	}

	/** Reads an array; `visit` must read each element. */
	array(visit: () => void): void {
		this.#open(OPEN_BRACKET, "an array");
		if (!this.#take(CLOSE_BRACKET)) {
			do visit();
			while (this.#take(COMMA));
			if (!this.#take(CLOSE_BRACKET)) throw this.#unexpected('"," or "]"');
		}
		this.#depth--;
	}

	string(): string {
		if (!this.#take(QUOTE)) throw this.#unexpected("a string");
		const bytes = this.#bytes;
		const start = this.#position;
		let isPlain = true;
		for (let at = start; ; at++) {
			const byte = bytes[at] ?? END;
			if (byte === QUOTE) {
				this.#position = at + 1;
				return isPlain ? bytes.toString("latin1", start, at) : this.#decode(start - 1, at + 1);
			}
			if (byte < SPACE) {
				this.#position = at;
				throw this.#unexpected("the rest of a string");
			}
			if (byte === BACKSLASH) at++;
			if (byte === BACKSLASH || byte > LAST_ASCII) isPlain = false;
		}
	}

	/** Reads any number; returns its text. */
	number(): string {
		this.#next();
		let end = this.#position;
		while (NUMBER_BYTES.has(this.#bytes[end] ?? END)) end++;
		const text = this.#bytes.toString("latin1", this.#position, end);
		if (text === "") throw this.#unexpected("a number");
		if (!NUMBER.test(text) || !Number.isFinite(Number(text))) {
			throw this.#fault(this.#at(quote(text)), "a number as JSON writes it, within the range of float64");
		}
		this.#position = end;
		return text;
	}

	/**
	 * Reads a number that should be an unsigned 64-bit integer: a bigint above 2^53 − 1.
	 *
	 * Returns its text when it is another number: signed, with a fraction or an exponent (`-0`, `2.0`, `1e1`), or larger.
	 */
	unsigned(): number | bigint | string {
		const first = this.#next();
		const start = this.#position;
		let end = start;
		let value = 0;
		let byte = first;
		while (byte >= ZERO && byte <= NINE) {
			value = value * 10 + byte - ZERO;
			byte = this.#bytes[++end] ?? END;
		}
		const digits = end - start;
		const isExact = digits === 1 || (digits > 1 && digits <= MAX_SAFE_DIGITS && first !== ZERO);
		if (!isExact || NUMBER_BYTES.has(byte)) return toUnsigned(this.number());
		this.#position = end;
		return value;
	}

	/** Reads `true`, `false` or `null`. */
	word(): void {
		this.#next();
		const word = WORDS.find((known) =>
			this.#bytes.subarray(this.#position, this.#position + known.length).equals(known),
		);
		if (word === undefined) throw this.#unexpected('"true", "false" or "null"');
		this.#position += word.length;
	}

	/** Reads any value, as strictly as one that is kept. */
	skip(): void {
		const kind = this.peek();
		if (kind === "object") this.object(() => this.skip());
		else if (kind === "array") this.array(() => this.skip());
		else if (kind === "string") this.string();
		else if (kind === "number") this.number();
		else this.word();
	}

	/** Makes sure that only white space is left. */
	end(): void {
		if (this.#next() !== END) throw this.#unexpected("nothing after the value");
	}

	/** The next byte that is not white space, or -1; `#position` is then at it. */
	#next(): number {
		for (; ; this.#position++) {
			const byte = this.#bytes[this.#position] ?? END;
			if (byte !== SPACE && byte !== LF && byte !== CR && byte !== TAB) return byte;
		}
	}

	#take(wanted: number): boolean {
		const isThere = this.#next() === wanted;
		if (isThere) this.#position++;
		return isThere;
	}

	#open(bracket: number, what: string): void {
		if (!this.#take(bracket)) throw this.#unexpected(what);
		if (++this.#depth > MAX_DEPTH) throw this.#fault(this.#at("deeper nesting"), `at most ${MAX_DEPTH} levels`);
	}

	/** The string between two quotes that has escapes or characters beyond ASCII. */
	#decode(start: number, end: number): string {
		const literal = this.#bytes.toString("utf8", start, end);
		try {
			const text: unknown = JSON.parse(literal);
			if (typeof text === "string" && !hasLoneSurrogate(text)) return text;
		} catch {
			// The fault below says what and where.
		}
		this.#position = start;
		throw this.#fault(this.#at(quote(literal)), "a string with valid escapes and paired surrogates");
	}

	#nameTooLong({ length }: string): ClipSoupError {
		return this.#fault(this.#at(`a name of ${length} characters`), `at most ${MAX_NAME_LENGTH}`);
	}

	#unexpected(expected: string): ClipSoupError {
		const byte = this.#bytes[this.#position];
		if (byte === undefined) return this.#fault("the end", expected);
		const isPrintable = byte >= SPACE && byte < LAST_ASCII;
		const found = isPrintable ? quote(String.fromCharCode(byte)) : `byte 0x${byte.toString(16).padStart(2, "0")}`;
		return this.#fault(this.#at(found), expected);
	}

	#at(found: string): string {
		return `${found} at byte ${this.#position}`;
	}
}

function toUnsigned(text: string): number | bigint | string {
	if (!U64_DIGITS.test(text)) return text;
	const value = BigInt(text);
	if (value > MAX_U64) return text;
	return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
