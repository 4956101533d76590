import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type LocalFile, openLocalFile } from "../bytes/local-file.ts";
import { digestSource } from "../engine/file-digest.ts";
import { ClipSoupError } from "../errors.ts";

/** Above it the Hub keeps every file in LFS, so that git's own digest names nothing. */
const MOST_GIT_BYTES = 10 * 2 ** 20;

/** A file as it will be published. */
export interface OutgoingFile {
	/** In the repository. */
	readonly path: string;
	readonly byteLength: number;
	/** 64 hex digits. */
	readonly sha256: string;
	/** Git's SHA-1; undefined of what is too large for git. */
	readonly gitOid: string | undefined;
	/** Where it lies, or its bytes if they were made here. */
	readonly source: string | Buffer;
}

/** What tells whether a file is still the one that was digested. */
export interface FileStamp {
	readonly size: number;
	readonly mtimeNs: string;
	readonly inode: string;
}

export async function stampOf(path: string): Promise<FileStamp> {
	const { size, mtimeNs, ino } = await stat(path, { bigint: true });
	return { size: Number(size), mtimeNs: String(mtimeNs), inode: String(ino) };
}

/** A file that was made here, such as the model card. */
export function outgoingBytes(path: string, bytes: Buffer): OutgoingFile {
	const sha256 = createHash("sha256").update(bytes).digest("hex");
	return { path, byteLength: bytes.length, sha256, gitOid: gitOidOf(bytes), source: bytes };
}

/**
 * Digests a file on this machine.
 *
 * @param known its SHA-256, if an earlier run found it
 */
export async function outgoingFile(
	path: string,
	source: string,
	{ known, signal }: { readonly known?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<OutgoingFile> {
	await using file = await openLocalFile(source);
	const { byteLength } = file;
	if (byteLength <= MOST_GIT_BYTES) return { ...outgoingBytes(path, await readAll(file)), source };
	const sha256 = known ?? (await digestSource(file, signal)).replace("sha256:", "");
	await file.assertUnchanged();
	return { path, byteLength, sha256, gitOid: undefined, source };
}

/** The contents for an upload: on the disk until they are sent, and refused if the file changed since. */
export async function contentOf({ source, byteLength, path }: OutgoingFile): Promise<Blob> {
	if (typeof source !== "string") return new Blob([new Uint8Array(source)]);
	const blob = await openAsBlob(source);
	if (blob.size === byteLength) return blob;
	throw changed(path);
}

/** A file that is not any more what was checked. */
export function changed(path: string): ClipSoupError {
	const message = `Cannot publish "${basename(path)}": found other bytes than those that were checked`;
	return new ClipSoupError("ERR_INPUT_CHANGED", message, {
		fix: "run again when nothing writes to the folder",
		details: { path },
	});
}

async function readAll(file: LocalFile): Promise<Buffer> {
	const bytes = Buffer.alloc(file.byteLength);
	await file.read(0, bytes);
	await file.assertUnchanged();
	return bytes;
}

/** What git calls a file: `sha1("blob " + size + "\0" + bytes)`. */
function gitOidOf(bytes: Buffer): string | undefined {
	if (bytes.length > MOST_GIT_BYTES) return undefined;
	return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}
