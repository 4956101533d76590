import { closeSync, fdatasync, fsync, ftruncateSync, mkdirSync, openSync } from "node:fs";
import { link, mkdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { writeFully } from "../bytes/descriptor.ts";
import { ClipSoupError, systemCode } from "../errors.ts";
import { type OutputTarget, targetFolder } from "./target.ts";
import { removeLeftovers, temporaryName } from "./temporary.ts";

/** A file of the output under its temporary name. */
export interface StagedFile {
	readonly name: string;
	readonly descriptor: number;
	readonly byteLength: number;
}

export interface StagingOptions {
	/** Replace existing files of the same names; otherwise a name that appears meanwhile is an error. */
	readonly force: boolean;
	/** Whether data and folder are on the disk before any name changes. */
	readonly fsync: boolean;
	/** Folders below the target into which files will be added, to clean them of what dead runs left. */
	readonly folders?: readonly string[];
}

/** Least time from one round of `whileWriting` to the next; what takes less is synced at the end only. */
const WRITE_BACK_INTERVAL_MS = 100;

/**
 * A set of output files that appears complete or not at all.
 *
 * All bytes go to temporary names on the same file system. `commit` syncs them and renames: a new folder as one, a
 * file or the files of an existing folder one by one in the order they were added, so the file that makes
 * the others a checkpoint (index or config) is to be added last. Whatever ends the run earlier leaves no output name.
 */
export class Staging implements AsyncDisposable {
	readonly #target: OutputTarget;
	readonly #options: StagingOptions;
	/** Folder below which the files lie until the commit. */
	readonly #folder: string;
	/** Folders below it that this run made, in the order it made them. */
	readonly #madeFolders: string[] = [];
	readonly #isNewFolder: boolean;
	/** The topmost of the parents that had to be made, or undefined. */
	readonly #madeParent: string | undefined;
	readonly #files: { readonly staged: StagedFile; readonly path: string }[] = [];
	#state: "open" | "closed" | "committed" = "open";
	/** Settles when no sync is under way any more; an error of a sync is reported once only, to whichever meets it. */
	#writtenBack: Promise<void> = Promise.resolve();

	private constructor(target: OutputTarget, options: StagingOptions, folder: string, madeParent: string | undefined) {
		this.#target = target;
		this.#options = options;
		this.#folder = folder;
		this.#isNewFolder = target.kind === "folder" && !target.exists;
		this.#madeParent = madeParent;
	}

	/** Prepares the place, and removes what dead runs left there. @throws {ClipSoupError} ERR_OUTPUT_NOT_WRITABLE */
	static async open(target: OutputTarget, options: StagingOptions): Promise<Staging> {
		try {
			if (target.kind === "folder" && !target.exists) return await Staging.#inNewFolder(target, options);
			const folder = targetFolder(target);
			for (const below of ["", ...(options.folders ?? [])]) await removeLeftovers(join(folder, below));
			return new Staging(target, options, folder, undefined);
		} catch (error) {
			throw notWritable(target.path, error);
		}
	}

	static async #inNewFolder(target: OutputTarget, options: StagingOptions): Promise<Staging> {
		const parent = dirname(target.path);
		const madeParent = await mkdir(parent, { recursive: true });
		await removeLeftovers(parent);
		const folder = join(parent, temporaryName(basename(target.path)));
		await mkdir(folder);
		return new Staging(target, options, folder, madeParent);
	}

	/**
	 * Adds a file of `byteLength` bytes, all zero until written through its descriptor.
	 *
	 * @param name relative to the output's folder; its own folders, as in `vision/config.json`, are made
	 * @throws {ClipSoupError} ERR_OUTPUT_NOT_WRITABLE, ERR_NO_SPACE if the system's limit on file sizes is lower
	 */
	add(name: string, byteLength: number): StagedFile {
		const folder = join(this.#folder, dirname(name));
		const path = join(folder, this.#isNewFolder ? basename(name) : temporaryName(basename(name)));
		try {
			const topmost = mkdirSync(folder, { recursive: true });
			if (topmost !== undefined) this.#madeFolders.push(...foldersBetween(topmost, folder));
			const descriptor = openSync(path, "wx+");
			const staged = { name, descriptor, byteLength };
			this.#files.push({ staged, path });
			ftruncateSync(descriptor, byteLength);
			return staged;
		} catch (error) {
			throw notWritable(join(targetFolder(this.#target), name), error);
		}
	}

	/** Adds a small file with these bytes. @throws {ClipSoupError} ERR_OUTPUT_NOT_WRITABLE, ERR_NO_SPACE, ERR_IO */
	addBytes(name: string, bytes: Uint8Array): void {
		writeFully(this.add(name, bytes.byteLength).descriptor, bytes, 0, name);
	}

	/**
	 * Does work that writes the files, and meanwhile sends what is written to the disk: `commit` then waits for the rest
	 * only, and the disk is not idle while bytes are computed.
	 *
	 * The work's errors are its own; those of the disk are thrown by `commit`.
	 */
	async whileWriting<Result>(work: () => Promise<Result>): Promise<Result> {
		if (!this.#options.fsync) return work();
		const writing = new AbortController();
		this.#writtenBack = this.#writeBack(writing.signal);
		this.#writtenBack.catch(() => undefined);
		try {
			return await work();
		} finally {
			writing.abort();
		}
	}

	async #writeBack(end: AbortSignal): Promise<void> {
		for (let took = 0; ; ) {
			// The disk is not let wait while there is something for it.
			const pause = Math.max(1, WRITE_BACK_INTERVAL_MS - took);
			await setTimeout(pause, undefined, { signal: end, ref: false }).catch(() => undefined);
			const start = performance.now();
			for (const { staged } of this.#files) {
				if (end.aborted) return;
				await promisify(fdatasync)(staged.descriptor);
			}
			took = performance.now() - start;
		}
	}

	/** Makes the files durable, then visible. @throws {ClipSoupError} ERR_IO, ERR_OUTPUT_EXISTS, ERR_NO_SPACE */
	async commit(signal?: AbortSignal): Promise<void> {
		try {
			if (this.#options.fsync) await this.#syncData(signal);
			signal?.throwIfAborted();
			this.#closeAll();
			await this.#publish();
			this.#state = "committed";
			if (this.#options.fsync) await this.#syncNames();
		} catch (error) {
			if (signal?.aborted && this.#state !== "committed") throw signal.reason;
			throw error instanceof ClipSoupError ? error : ioError(this.#target.path, error);
		}
	}

	async #syncData(signal: AbortSignal | undefined): Promise<void> {
		const synced = this.#files.map(({ staged }) => promisify(fsync)(staged.descriptor));
		const all = Promise.all([this.#writtenBack, ...synced]);
		await (signal ? Promise.race([all, aborted(signal)]) : all);
		if (this.#isNewFolder) for (const folder of [...this.#madeFolders, this.#folder]) await syncFolder(folder);
	}

	async #publish(): Promise<void> {
		if (this.#isNewFolder) return this.#publishFolder();
		const folder = targetFolder(this.#target);
		const placed: string[] = [];
		try {
			for (const { staged, path } of this.#files) {
				const final = join(folder, staged.name);
				if (this.#options.force) await rename(path, final);
				else await renameNew(path, final);
				placed.push(final);
			}
		} catch (error) {
			// Names that were free before the run are free again; replaced ones are whole files of the new set.
			if (!this.#options.force) await Promise.all(placed.map((path) => unlink(path).catch(() => undefined)));
			throw error;
		}
	}

	async #publishFolder(): Promise<void> {
		try {
			await rename(this.#folder, this.#target.path);
		} catch (error) {
			if (systemCode(error) === "ENOTEMPTY" || systemCode(error) === "EEXIST") throw appeared(this.#target.path);
			throw error;
		}
	}

	async #syncNames(): Promise<void> {
		const folder = targetFolder(this.#target);
		if (this.#isNewFolder) await syncFolder(dirname(folder));
		else for (const made of [...this.#madeFolders, folder]) await syncFolder(made);
	}

	#closeAll(): void {
		this.#state = "closed";
		for (const { staged } of this.#files) closeSync(staged.descriptor);
	}

	/** Removes everything that was written, unless it was committed. */
	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#state === "committed") return;
		if (this.#state === "open") {
			// Cutting the files first ends a sync that is still under way within the second that Ctrl-C may take.
			for (const { staged } of this.#files) ftruncateSync(staged.descriptor, 0);
			this.#closeAll();
		}
		for (const { path } of this.#files) await rm(path, { force: true });
		for (const folder of this.#madeFolders.toReversed()) await rmdir(folder).catch(() => undefined);
		if (!this.#isNewFolder) return;
		await rm(this.#folder, { recursive: true, force: true });
		await this.#removeMadeParents();
	}

	/** Removes the parents this run made, from the inside out, as far as they are empty. */
	async #removeMadeParents(): Promise<void> {
		if (this.#madeParent === undefined) return;
		for (const path of foldersBetween(this.#madeParent, dirname(this.#target.path)).toReversed()) {
			const isRemoved = await rmdir(path).then(
				() => true,
				() => false,
			);
			if (!isRemoved) return;
		}
	}
}

/** A folder and those below it on the way to another one, outermost first. */
function foldersBetween(topmost: string, innermost: string): string[] {
	const folders: string[] = [];
	for (let path = innermost; path.length >= topmost.length; path = dirname(path)) folders.unshift(path);
	return folders;
}

/** Renames without replacing: a hard link fails where the name is taken; file systems without links rename. */
async function renameNew(from: string, to: string): Promise<void> {
	try {
		await link(from, to);
		await unlink(from);
	} catch (error) {
		if (systemCode(error) === "EEXIST") throw appeared(to);
		if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(systemCode(error) ?? "")) throw error;
		await rename(from, to);
	}
}

async function syncFolder(path: string): Promise<void> {
	const descriptor = openSync(path, "r");
	try {
		await promisify(fsync)(descriptor);
	} catch (error) {
		// Some file systems (and Windows) cannot sync a folder; the data itself is safe.
		if (!["EINVAL", "EPERM", "EISDIR", "ENOTSUP"].includes(systemCode(error) ?? "")) throw error;
	} finally {
		closeSync(descriptor);
	}
}

function aborted(signal: AbortSignal): Promise<never> {
	return new Promise((_, reject) => {
		signal.addEventListener("abort", () => reject(signal.reason), { once: true });
	});
}

function appeared(path: string): ClipSoupError {
	return new ClipSoupError("ERR_OUTPUT_EXISTS", `Cannot write "${path}": it appeared while the work was under way`, {
		fix: "choose another -o, or add --force to replace it",
		details: { path },
	});
}

const REASONS: Readonly<Record<string, string>> = {
	EACCES: "no permission",
	EPERM: "no permission",
	EROFS: "the file system is read-only",
	EEXIST: "a file stands where a folder should",
	ENOTDIR: "a file stands where a folder should",
	ENAMETOOLONG: "the name is too long",
	ENOSPC: "no space is left",
	EDQUOT: "the quota is used up",
	EFBIG: "the limit on the size of a file is lower",
};

function reason(code: string): string {
	return REASONS[code] ?? `the system says ${code}`;
}

function notWritable(path: string, error: unknown): unknown {
	const code = systemCode(error);
	if (code === undefined || error instanceof ClipSoupError) return error;
	if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") return noSpace(path, code, error);
	return new ClipSoupError("ERR_OUTPUT_NOT_WRITABLE", `Cannot write "${path}": ${reason(code)}`, {
		fix: "check the folder's permissions, or choose another -o",
		details: { path, system: code },
		cause: error,
	});
}

function ioError(path: string, error: unknown): unknown {
	const code = systemCode(error);
	if (code === undefined) return error;
	if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") return noSpace(path, code, error);
	return new ClipSoupError("ERR_IO", `Cannot finish "${path}": ${reason(code)}`, {
		fix: "check the disk and its folder, then try again",
		details: { path, system: code },
		cause: error,
	});
}

function noSpace(path: string, code: string, cause: unknown): ClipSoupError {
	return new ClipSoupError("ERR_NO_SPACE", `Cannot write "${path}": ${reason(code)}`, {
		fix: "free space there, raise the limit on file sizes or the quota, or choose an -o on another disk",
		details: { path, system: code },
		cause,
	});
}
