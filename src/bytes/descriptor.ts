import { readSync, writeSync } from "node:fs";
import { ClipSoupError, systemCode } from "../errors.ts";

/** Bytes of one system call: Node refuses 2 GiB and more, and Linux cuts a call 4 KiB short of it. */
export const MAX_CALL_BYTE_LENGTH = 2 ** 30;

const NO_SPACE_CODES: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/**
 * Fills `target` from the descriptor's bytes at `position`, synchronously.
 *
 * @throws {ClipSoupError} ERR_FILE_TRUNCATED if the file ends before `target` is full, ERR_IO if the system refuses.
 */
export function readFully(descriptor: number, target: Uint8Array, position: number, name = "the input"): void {
	let done = 0;
	while (done < target.byteLength) {
		const length = Math.min(target.byteLength - done, MAX_CALL_BYTE_LENGTH);
		const count = attempt(
			() => readSync(descriptor, target, done, length, position + done),
			(cause) => readError(name, position + done, cause),
		);
		if (count === 0) throw endOfFile(name, position + done, position + target.byteLength);
		done += count;
	}
}

/**
 * Writes all of `source` to the descriptor at `position`, synchronously, in calls of at most `most` bytes.
 *
 * @throws {ClipSoupError} ERR_NO_SPACE if the disk, the quota or the largest file size is reached, ERR_IO otherwise.
 */
export function writeFully(
	descriptor: number,
	source: Uint8Array,
	position: number,
	name = "the output",
	most = MAX_CALL_BYTE_LENGTH,
): void {
	let done = 0;
	while (done < source.byteLength) {
		const length = Math.min(source.byteLength - done, most);
		done += attempt(
			() => writeSync(descriptor, source, done, length, position + done),
			(cause) => writeError(name, position + done, cause),
		);
	}
}

/** A file that ends at byte `found` although bytes up to `expected` were asked for. */
export function endOfFile(name: string, found: number, expected: number): ClipSoupError {
	return new ClipSoupError(
		"ERR_FILE_TRUNCATED",
		`Cannot read "${name}": found its end at byte ${found}, expected at least ${expected} bytes`,
		{ fix: "leave the file alone while it is read, or download it again", details: { file: name, found, expected } },
	);
}

/** A read that the system refused, with its reason. */
export function readError(name: string, position: number, cause: unknown): ClipSoupError {
	return new ClipSoupError("ERR_IO", `Cannot read "${name}" at byte ${position}: ${reason(cause)}`, {
		fix: "check the disk or the network share that holds it",
		details: { file: name, position },
		cause,
	});
}

function writeError(name: string, position: number, cause: unknown): ClipSoupError {
	const details = { file: name, position };
	const message = `Cannot write "${name}" at byte ${position}: ${reason(cause)}`;
	return NO_SPACE_CODES.has(systemCode(cause))
		? new ClipSoupError("ERR_NO_SPACE", message, { fix: "free some space or write to another disk", details, cause })
		: new ClipSoupError("ERR_IO", message, { fix: "check the disk that is written to", details, cause });
}

function reason(cause: unknown): string {
	return `found ${systemCode(cause) ?? String(cause)}`;
}

function attempt(call: () => number, wrap: (cause: unknown) => ClipSoupError): number {
	try {
		return call();
	} catch (cause) {
		throw wrap(cause);
	}
}
