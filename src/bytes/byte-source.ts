import type { ListedFile } from "../progress.ts";

/** Random access to bytes of a known length: a local file, or a remote one read by ranges. */
export interface ByteSource extends AsyncDisposable, ListedFile {
	readonly byteLength: number;
	/** File descriptor that a worker thread can read synchronously, or undefined when the bytes must be staged first. */
	readonly descriptor: number | undefined;
	/** The file of this machine that it is; undefined for bytes that lie elsewhere. */
	readonly file: FileIdentity | undefined;
	/**
	 * Fills `target` with the bytes from `position` on.
	 *
	 * @throws {ClipSoupError} ERR_FILE_TRUNCATED if the source ends before `target` is full, ERR_IO if reading fails.
	 */
	read(position: number, target: Uint8Array): Promise<void>;
	/** @throws {ClipSoupError} ERR_INPUT_CHANGED if what was read may not be of one version */
	assertUnchanged(): Promise<void>;
	close(): Promise<void>;
}

/** A file on this machine. Device and inode tell whether two paths are one file. */
export interface FileIdentity {
	readonly path: string;
	readonly device: bigint;
	readonly inode: bigint;
}
