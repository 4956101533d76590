/**
 * Every way in which clip-soup can fail on purpose: a stable code and the exit status of the command that meets it.
 *
 * Exit statuses: 2 usage, 3 input, 4 refused by policy, 5 refused by the Hub, 6 network or service, 7 the remote moved,
 * 8 committed and not verified, 9 local I/O. `docs/errors.md` lists cause and cure of each code.
 */
export const ERROR_CODES = {
	ERR_USAGE: 2,
	ERR_WEIGHTS: 2,
	ERR_LOCK_INVALID: 2,
	ERR_KEY_INVALID: 2,
	ERR_NOTHING_TO_CHECK: 2,
	ERR_PLAN_INVALID: 2,

	ERR_INPUT_NOT_FOUND: 3,
	ERR_INPUT_UNREADABLE: 3,
	ERR_INPUT_NOT_A_FILE: 3,
	ERR_INPUT_CHANGED: 3,
	ERR_NO_WEIGHT_FILE: 3,
	ERR_AMBIGUOUS_WEIGHT_FILE: 3,

	ERR_FOREIGN_FORMAT: 3,
	ERR_HEADER_TOO_SMALL: 3,
	ERR_HEADER_TOO_LARGE: 3,
	ERR_HEADER_LENGTH: 3,
	ERR_HEADER_ENCODING: 3,
	ERR_HEADER_JSON: 3,
	ERR_HEADER_DUPLICATE: 3,
	ERR_HEADER_METADATA: 3,
	ERR_TENSOR_ENTRY: 3,
	ERR_TENSOR_DTYPE: 3,
	ERR_TENSOR_OFFSETS: 3,
	ERR_TENSOR_SIZE: 3,
	ERR_FILE_TRUNCATED: 3,
	ERR_FILE_TRAILING_BYTES: 3,

	ERR_INDEX_INVALID: 3,
	ERR_INDEX_UNSAFE_PATH: 3,
	ERR_INDEX_MISMATCH: 3,
	ERR_CONFIG_INVALID: 3,

	ERR_LAYOUT_MISMATCH: 3,
	ERR_TENSOR_MISSING: 3,
	ERR_TENSOR_EXTRA: 3,
	ERR_SHAPE_MISMATCH: 3,
	ERR_DTYPE_MISMATCH: 3,
	ERR_VALUE_MISMATCH: 3,
	ERR_ARCHITECTURE_MISMATCH: 3,
	ERR_VOCABULARY_MISMATCH: 3,
	ERR_IMAGE_INVALID: 3,
	ERR_TOKENIZER: 3,
	ERR_SIGNATURE_INVALID: 3,

	ERR_OUTPUT_EXISTS: 4,
	ERR_OUTPUT_IS_INPUT: 4,
	ERR_NON_FINITE: 4,
	ERR_OVERFLOW: 4,
	ERR_UNSAFE_FILE: 4,
	ERR_PICKLE: 4,
	ERR_SECRET: 4,
	ERR_LICENSE: 4,
	ERR_CARD_INVALID: 4,
	ERR_LOCK_MISMATCH: 4,
	ERR_CHECK_FAILED: 4,
	ERR_VISIBILITY: 4,
	ERR_NOT_CONFIRMED: 4,

	ERR_HUB_AUTH: 5,
	ERR_HUB_FORBIDDEN: 5,
	ERR_HUB_NOT_FOUND: 6,
	ERR_HUB_UNAVAILABLE: 6,
	ERR_HUB_REJECTED: 6,
	ERR_HUB_OFFLINE: 6,
	ERR_HUB_INTEGRITY: 6,
	ERR_HUB_CONFLICT: 7,
	ERR_PLAN_STALE: 7,
	ERR_COMMITTED_UNVERIFIED: 8,

	ERR_OUTPUT_NOT_WRITABLE: 9,
	ERR_NO_SPACE: 9,
	ERR_IO: 9,
	ERR_MEMORY: 9,
	ERR_RUNTIME: 9,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
	/** How to make it work, one sentence without a full stop. */
	readonly fix?: string;
	/** Machine-readable facts: tensor name, input, found, expected. */
	readonly details?: Readonly<Record<string, unknown>>;
	readonly cause?: unknown;
}

/**
 * A failure that is the input's, the user's or the machine's fault, never a bug of clip-soup.
 *
 * Message: "Cannot ⟨verb⟩ ⟨object⟩: ⟨found⟩, expected ⟨wanted⟩", with names quoted and numbers given.
 */
export class ClipSoupError extends Error {
	override readonly name: string = "ClipSoupError";
	readonly code: ErrorCode;
	readonly fix: string | undefined;
	readonly details: Readonly<Record<string, unknown>>;

	constructor(code: ErrorCode, message: string, { fix, details, cause }: ErrorDetails = {}) {
		super(message, cause === undefined ? undefined : { cause });
		this.code = code;
		this.fix = fix;
		this.details = details ?? {};
	}

	/** Exit status of a command that ends with this error. */
	get exitCode(): number {
		return ERROR_CODES[this.code];
	}
}

/** Several faults found in one pass. Code and exit status are those of the fault with the lowest exit status. */
export class FaultsError extends ClipSoupError {
	override readonly name = "FaultsError";
	readonly faults: readonly ClipSoupError[];

	constructor(message: string, faults: readonly [ClipSoupError, ...ClipSoupError[]]) {
		const first = faults.reduce((lowest, fault) => (fault.exitCode < lowest.exitCode ? fault : lowest));
		super(first.code, message, first.fix === undefined ? {} : { fix: first.fix });
		this.faults = faults;
	}
}

/** Throws the only fault as it is, several as a `FaultsError`, and nothing when there is none. */
export function throwFaults(message: string, faults: readonly ClipSoupError[]): void {
	const [first, ...rest] = faults;
	if (first === undefined) return;
	throw rest.length === 0 ? first : new FaultsError(message, [first, ...rest]);
}

/** The faults that were thrown together, or the one; none of an error that is not clip-soup's own. */
export function faultsIn(error: unknown): readonly ClipSoupError[] {
	if (error instanceof FaultsError) return error.faults;
	return isClipSoupError(error) ? [error] : [];
}

/** Whether `error` is one of clip-soup's own, with a stable `code`. */
export function isClipSoupError(error: unknown): error is ClipSoupError {
	return error instanceof ClipSoupError;
}

/** The system's own code of a failed call (`ENOENT`, `ENOSPC` …), or undefined. */
export function systemCode(error: unknown): string | undefined {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
