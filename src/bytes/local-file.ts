import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { ClipSoupError, type ErrorCode, systemCode } from "../errors.ts";
import type { ByteSource, FileIdentity } from "./byte-source.ts";
import { endOfFile, MAX_CALL_BYTE_LENGTH, readError } from "./descriptor.ts";

const OPEN_CODES: ReadonlyMap<string | undefined, ErrorCode> = new Map<string, ErrorCode>([
	["ENOENT", "ERR_INPUT_NOT_FOUND"],
	["ENOTDIR", "ERR_INPUT_NOT_FOUND"],
]);

const OPEN_FIXES: Partial<Record<ErrorCode, string>> = {
	ERR_INPUT_NOT_FOUND: "check the path",
	ERR_INPUT_UNREADABLE: "check the permissions of the file and of its folders",
};

/**
 * Opens a regular file for reading; a symlink to one counts as one.
 *
 * A FIFO or device is refused before it is opened, since opening one can block for ever or have effects.
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_INPUT_UNREADABLE, or ERR_INPUT_NOT_A_FILE for any other kind of file.
 */
export async function openLocalFile(path: string, name = path): Promise<LocalFile> {
	try {
		assertRegularFile(path, await stat(path, { bigint: true }));
		return await openRegularFile(path, name);
	} catch (error) {
		if (error instanceof ClipSoupError) throw error;
		throw openError(path, error);
	}
}

/** A file open for reading, and what tells whether it changed or is also an output. */
export class LocalFile implements ByteSource {
	readonly name: string;
	readonly byteLength: number;
	readonly descriptor: number;
	readonly file: FileIdentity;
	readonly #modifiedNs: bigint;
	/** Held because Node closes the descriptor when the handle is collected. */
	readonly #handle: FileHandle;

	/** Use `openLocalFile`. */
	constructor(path: string, name: string, handle: FileHandle, stats: BigIntStats) {
		this.name = name;
		this.byteLength = Number(stats.size);
		this.descriptor = handle.fd;
		this.file = { path, device: stats.dev, inode: stats.ino };
		this.#modifiedNs = stats.mtimeNs;
		this.#handle = handle;
	}

	async read(position: number, target: Uint8Array): Promise<void> {
		let done = 0;
		while (done < target.byteLength) {
			const length = Math.min(target.byteLength - done, MAX_CALL_BYTE_LENGTH);
			const { bytesRead } = await this.#handle.read(target, done, length, position + done).catch((cause: unknown) => {
				throw readError(this.name, position + done, cause);
			});
			if (bytesRead === 0) throw endOfFile(this.name, position + done, position + target.byteLength);
			done += bytesRead;
		}
	}

	/**
	 * Makes sure that size and modification time are those at opening.
	 *
	 * A file replaced by a rename is no change: the descriptor still reads the old one.
	 * @throws {ClipSoupError} ERR_INPUT_CHANGED if they differ.
	 */
	async assertUnchanged(): Promise<void> {
		const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
		if (size === BigInt(this.byteLength) && mtimeNs === this.#modifiedNs) return;
		throw new ClipSoupError(
			"ERR_INPUT_CHANGED",
			`Cannot use what was read from "${this.name}": found ${size} bytes modified at ${mtimeNs} ns, ` +
				`expected ${this.byteLength} bytes modified at ${this.#modifiedNs} ns as when it was opened`,
			{ fix: "run again when nothing writes to the file", details: { file: this.name } },
		);
	}

	async close(): Promise<void> {
		await this.#handle.close();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}
}

async function openRegularFile(path: string, name: string): Promise<LocalFile> {
	// Non-blocking in case the path became a FIFO after it was looked at.
	const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
	try {
		const stats = await handle.stat({ bigint: true });
		assertRegularFile(path, stats);
		return new LocalFile(path, name, handle, stats);
	} catch (error) {
		await handle.close();
		throw error;
	}
}

function assertRegularFile(path: string, stats: BigIntStats): void {
	if (stats.isFile()) return;
	throw new ClipSoupError(
		"ERR_INPUT_NOT_A_FILE",
		`Cannot open "${path}": found ${kindOf(stats)}, expected a regular file`,
		{ fix: "give a file that is on disk", details: { path } },
	);
}

function kindOf(stats: BigIntStats): string {
	if (stats.isDirectory()) return "a folder";
	if (stats.isFIFO()) return "a named pipe";
	return stats.isSocket() ? "a socket" : "a device";
}

function openError(path: string, cause: unknown): ClipSoupError {
	const code = OPEN_CODES.get(systemCode(cause)) ?? "ERR_INPUT_UNREADABLE";
	const fix = systemCode(cause) === "EMFILE" ? "raise the limit on open files: ulimit -n 4096" : OPEN_FIXES[code];
	return new ClipSoupError(code, `Cannot open "${path}": found ${describe(cause)}, expected a readable file`, {
		...(fix !== undefined && { fix }),
		details: { path },
		cause,
	});
}

const REASONS: Readonly<Record<string, string>> = {
	ENOENT: "no such file",
	ENOTDIR: "a file where a folder should be",
	EACCES: "no permission",
	EPERM: "no permission",
	EMFILE: "too many open files",
};

function describe(cause: unknown): string {
	const code = systemCode(cause);
	return code === undefined ? String(cause) : (REASONS[code] ?? code);
}
