import { createHash, randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { systemCode } from "../errors.ts";

/** Short name of this machine: on a shared file system another machine's process ids say nothing here. */
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);

const PATTERN = /^\..*\.clip-soup-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}$/;

/** Bytes of a file name that file systems allow: 255, less what a temporary name adds. */
const MOST_NAME_BYTES = 255 - 48;

/** A name for the unfinished form of `name`, beside it: hidden, and telling whose it is. */
export function temporaryName(name: string): string {
	return `.${shorten(name)}.clip-soup-${HOST}-${process.pid}-${randomBytes(6).toString("hex")}`;
}

/** The start of `name`, by whole characters, that fits beside the rest. */
function shorten(name: string): string {
	let byteLength = 0;
	const characters = [...name];
	const end = characters.findIndex((character) => {
		byteLength += Buffer.byteLength(character);
		return byteLength > MOST_NAME_BYTES;
	});
	return end < 0 ? name : characters.slice(0, end).join("");
}

/** Removes what runs of this machine left in `folder` whose process is no longer alive. */
export async function removeLeftovers(folder: string): Promise<void> {
	const names = await readdir(folder).catch(() => []);
	for (const name of names) {
		const [, host, pid] = PATTERN.exec(name) ?? [];
		if (host !== HOST || isAlive(Number(pid))) continue;
		// What cannot be removed is not ours to insist on: the run that follows does not need it gone.
		await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
	}
}

/** Signal 0 asks without sending: EPERM means alive and another user's. */
function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return systemCode(error) !== "ESRCH";
	}
}
