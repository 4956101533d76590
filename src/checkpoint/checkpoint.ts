import { createHash } from "node:crypto";
import type { NdArray } from "ndarray";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { Folder } from "../bytes/folder.ts";
import { ClipSoupError } from "../errors.ts";
import { type LayoutId, type Recognition, recogniseLayout } from "../layouts/detect.ts";
import type { Origin } from "../origin.ts";
import { type TensorValues, toArray } from "../tensor/array.ts";
import { nearestName } from "../tensor/names.ts";
import type { TensorInfo } from "../tensor/tensor.ts";

/** One weight file of a checkpoint: the whole of it, or a shard. */
export interface CheckpointFile {
	readonly source: ByteSource;
	/** Base name. */
	readonly name: string;
	/** SHA-256 of the header's JSON bytes, lower-case hex. */
	readonly headerSha256: string;
	/** Length of the header's JSON in bytes. */
	readonly headerByteLength: number;
}

/** A tensor and where its bytes lie. */
export interface CheckpointTensor extends TensorInfo {
	/** Index into `Checkpoint.files`. */
	readonly file: number;
	/** Absolute position of the first byte in that file. */
	readonly position: number;
	readonly byteLength: number;
}

/** What `openCheckpoint` gathers. */
export interface CheckpointParts {
	readonly path: string;
	readonly name: string;
	readonly folder: Folder | undefined;
	/** Folder whose configuration is that of the weights: `folder`, or the one in which a file lies under its usual name. */
	readonly configFolder: Folder | undefined;
	readonly origin: Origin | undefined;
	readonly files: readonly CheckpointFile[];
	readonly tensors: ReadonlyMap<string, CheckpointTensor>;
	readonly metadata: ReadonlyMap<string, string>;
	readonly notices: readonly string[];
}

/** Where all of several checkpoints come from; undefined if that is not one commit of one repository. */
export function originOf(checkpoints: readonly Pick<Checkpoint, "origin">[]): Origin | undefined {
	const [first, ...others] = checkpoints.map(({ origin }) => origin);
	const isShared = others.every((other) => other?.repo === first?.repo && other?.revision === first?.revision);
	return isShared ? first : undefined;
}

/** Above it no layout is looked for: of the presets RN50x64 has most tensors, 1,353. */
const MOST_CLIP_TENSORS = 20_000;

/** Bytes of a tensor that are digested at a time. */
const PIECE_BYTE_LENGTH = 2 ** 20;

/** A checkpoint whose headers were read and found valid; its bytes are read when asked for. Close it after use. */
export class Checkpoint implements AsyncDisposable {
	/** What the user gave; messages use it, recipes never do. */
	readonly path: string;
	/** Base name of the file or folder that was given. */
	readonly name: string;
	/** Folder that was given, in which companion files lie; undefined if a single file was. */
	readonly folder: Folder | undefined;
	/** Folder whose configuration is that of the weights: `folder`, or the one in which a file lies under its usual name. */
	readonly configFolder: Folder | undefined;
	/** The repository and commit that it was read from; undefined if it was given as a path on this machine. */
	readonly origin: Origin | undefined;
	readonly files: readonly CheckpointFile[];
	/** By name, in the order of the data. */
	readonly tensors: ReadonlyMap<string, CheckpointTensor>;
	/** Header metadata; of shards, that of the index and the entries that all shards have alike. */
	readonly metadata: ReadonlyMap<string, string>;
	/** What the user should know of how the weights were found. */
	readonly notices: readonly string[];
	#recognition: Recognition | undefined | null = null;

	constructor(parts: CheckpointParts) {
		this.path = parts.path;
		this.name = parts.name;
		this.folder = parts.folder;
		this.configFolder = parts.configFolder;
		this.origin = parts.origin;
		this.files = parts.files;
		this.tensors = parts.tensors;
		this.metadata = parts.metadata;
		this.notices = parts.notices;
	}

	/** Bytes of all weight files, headers included. */
	get byteLength(): number {
		return this.files.reduce((sum, { source }) => sum + source.byteLength, 0);
	}

	/** What its tensor names say of its layout; undefined if they are of none that is known. */
	get recognition(): Recognition | undefined {
		if (this.#recognition === null) {
			this.#recognition = this.tensors.size > MOST_CLIP_TENSORS ? undefined : recogniseLayout(this.tensors.keys());
		}
		return this.#recognition;
	}

	/** What `--to` calls its layout; undefined if it is of none that is known. */
	get layout(): LayoutId | undefined {
		return this.recognition?.layout.family;
	}

	/**
	 * The bytes of one tensor as stored: little-endian, row-major.
	 *
	 * @throws {ClipSoupError} ERR_TENSOR_MISSING, ERR_IO, ERR_FILE_TRUNCATED
	 */
	async readTensor(name: string): Promise<Uint8Array> {
		const { source, tensor } = this.#locate(name);
		const bytes = new Uint8Array(tensor.byteLength);
		await source.read(tensor.position, bytes);
		return bytes;
	}

	/**
	 * The values of one tensor as an ndarray; F16, BF16 and F8 are widened to float32.
	 *
	 * @throws {ClipSoupError} ERR_TENSOR_MISSING, ERR_TENSOR_DTYPE, ERR_IO, ERR_FILE_TRUNCATED
	 * @example
	 * const scale = Math.exp(Number((await checkpoint.readArray("logit_scale")).get()));
	 */
	async readArray(name: string): Promise<NdArray<TensorValues>> {
		const { tensor } = this.#locate(name);
		return toArray(tensor, await this.readTensor(name));
	}

	/**
	 * SHA-256 of one tensor's bytes, 64 lower-case hex digits, read piece by piece.
	 *
	 * @throws {ClipSoupError} ERR_TENSOR_MISSING, ERR_IO, ERR_FILE_TRUNCATED
	 */
	async digestTensor(name: string): Promise<string> {
		const { source, tensor } = this.#locate(name);
		const hash = createHash("sha256");
		const piece = new Uint8Array(Math.min(tensor.byteLength, PIECE_BYTE_LENGTH));
		for (let done = 0; done < tensor.byteLength; done += piece.byteLength) {
			const bytes = piece.subarray(0, Math.min(piece.byteLength, tensor.byteLength - done));
			await source.read(tensor.position + done, bytes);
			hash.update(bytes);
		}
		return hash.digest("hex");
	}

	#locate(name: string): { readonly source: ByteSource; readonly tensor: CheckpointTensor } {
		const tensor = this.tensors.get(name);
		const source = tensor && this.files[tensor.file]?.source;
		if (tensor === undefined || source === undefined) throw this.#missing(name);
		return { source, tensor };
	}

	#missing(name: string): ClipSoupError {
		const nearest = nearestName(name, this.tensors.keys());
		return new ClipSoupError("ERR_TENSOR_MISSING", `Cannot read "${name}": "${this.path}" has no such tensor`, {
			...(nearest !== undefined && { fix: `did you mean "${nearest}"?` }),
			details: { tensor: name },
		});
	}

	/** @throws {ClipSoupError} ERR_INPUT_CHANGED if a file was written to since it was opened */
	async assertUnchanged(): Promise<void> {
		for (const { source } of this.files) await source.assertUnchanged();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.all(this.files.map(({ source }) => source.close()));
	}
}
