import { readSmallFile } from "../bytes/small-file.ts";
import { readGivenFile } from "../checkpoint/open.ts";
import { ClipSoupError, isClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import { parseLock } from "../lock/parse.ts";
import type { Lock } from "../lock/schema.ts";
import { serialiseLock } from "../lock/serialise.ts";
import { Staging } from "../output/staging.ts";
import { type FileTarget, refuseClashes, resolveFileTarget } from "../output/target.ts";
import { composeLock, type LockParts } from "./lock-compose.ts";

/** @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_LOCK_INVALID */
export async function readLock(path: string, hub: Hub): Promise<Lock> {
	const bytes = await readGivenFile(path, hub);
	if (bytes !== undefined) return parseLock(bytes.toString("utf8"), path);
	throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot open the lock "${path}": found no such file`, {
		fix: "make one with verify --write-lock",
		details: { path },
	});
}

/** Where a lock will be written, and the lock that it replaces. */
export interface LockOutput {
	readonly target: FileTarget;
	readonly previous: Lock | undefined;
}

/**
 * Looks at the place of a lock before anything is read.
 *
 * @throws {ClipSoupError} ERR_OUTPUT_EXISTS if a file is there that is no lock, ERR_OUTPUT_NOT_WRITABLE
 */
export async function planLockOutput(path: string): Promise<LockOutput> {
	const target = await resolveFileTarget(path);
	const bytes = await readSmallFile(path);
	const previous = bytes && lockIn(bytes, path);
	await refuseClashes(target, [target.name], { inputs: [], force: previous !== undefined });
	return { target, previous };
}

/** The lock in a file; undefined if it is none, which is then not ours to replace. */
function lockIn(bytes: Buffer, path: string): Lock | undefined {
	try {
		return parseLock(bytes.toString("utf8"), path);
	} catch (error) {
		if (isClipSoupError(error)) return undefined;
		throw error;
	}
}

/** Writes a lock, with the expectations of the one it replaces. */
export async function writeLock(
	{ target, previous }: LockOutput,
	parts: Omit<LockParts, "expect">,
	signal: AbortSignal | undefined,
): Promise<void> {
	const lock = composeLock({ ...parts, ...(previous && { expect: previous.expect }) });
	await using staging = await Staging.open(target, { force: previous !== undefined, fsync: true });
	staging.addBytes(target.name, Buffer.from(serialiseLock(lock)));
	await staging.commit(signal);
}
