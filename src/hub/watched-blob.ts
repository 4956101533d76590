/** A Blob that tells how much of it was read as a stream. Blobs of files stay on the disk until then. */
export class WatchedBlob extends Blob {
	readonly #onRead: (byteLength: number) => void;

	constructor(blob: Blob, onRead: (byteLength: number) => void) {
		super([blob], { type: blob.type });
		this.#onRead = onRead;
	}

	/** `fetch` takes the body of a Blob from here. */
	override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
		const onRead = this.#onRead;
		return super.stream().pipeThrough(
			new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
				transform(piece, controller) {
					onRead(piece.byteLength);
					controller.enqueue(piece);
				},
			}),
		);
	}
}
