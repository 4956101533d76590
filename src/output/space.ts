import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { ClipSoupError } from "../errors.ts";

/**
 * Refuses to start what cannot fit.
 *
 * @param folder where the bytes go; the nearest existing parent is asked if it does not exist yet
 * @throws {ClipSoupError} ERR_NO_SPACE
 */
export async function requireFreeSpace(folder: string, byteLength: number): Promise<void> {
	const existing = await nearestExisting(folder);
	const { bavail, bsize } = await statfs(existing);
	const free = bavail * bsize;
	if (byteLength <= free) return;
	throw new ClipSoupError(
		"ERR_NO_SPACE",
		`Cannot write ${byteLength} bytes to "${folder}": ${free} bytes are free, ${byteLength - free} are missing`,
		{ fix: "free space there, or choose an -o on another disk", details: { folder, byteLength, free } },
	);
}

/** The folder itself, or the closest parent that exists. */
async function nearestExisting(folder: string): Promise<string> {
	const found = await stat(folder).catch(() => undefined);
	const parent = dirname(folder);
	return found || parent === folder ? folder : nearestExisting(parent);
}
