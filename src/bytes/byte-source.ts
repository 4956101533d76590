/** Random access to bytes of a known length: a local file, or a remote one read by ranges. */
export interface ByteSource extends AsyncDisposable {
	/** What messages call it: the path of a local file, as it was given. */
	readonly name: string;
	readonly byteLength: number;
	/** File descriptor that a worker thread can read synchronously, or undefined when the bytes must be staged first. */
	readonly descriptor: number | undefined;
	/**
	 * Fills `target` with the bytes from `position` on.
	 *
	 * @throws {ClipSoupError} ERR_FILE_TRUNCATED if the source ends before `target` is full, ERR_IO if reading fails.
	 */
	read(position: number, target: Uint8Array): Promise<void>;
	close(): Promise<void>;
}
