import { isUtf8 } from "node:buffer";
import type { Stats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { ClipSoupError, systemCode } from "../errors.ts";

/** Something in a model's folder that is no folder itself. */
export interface FolderEntry {
	/** From the folder, with `/`; not exact where the name is no UTF-8. */
	readonly path: string;
	readonly kind: "file" | "symbolic link" | "special file" | "file whose name is not UTF-8";
	/** Of a file; otherwise 0. */
	readonly byteLength: number;
}

/** Paths that are never signed, at the top of the folder. OpenSSF Model Signing v1.0, 6.2 */
export const DEFAULT_IGNORED = [".git", ".gitattributes", ".github", ".gitignore"] as const;

export interface ListOptions {
	/** Whether to leave out what has this path, and what is below it. */
	readonly isIgnored: (path: string) => boolean;
	/** Whether symbolic links count as what they lead to. */
	readonly followsSymlinks: boolean;
}

/**
 * Lists everything in a folder and its folders, empty folders excepted, in the order of the system.
 *
 * A link to a folder that holds it is listed as a symbolic link even where links are followed.
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_INPUT_UNREADABLE, ERR_USAGE if it is no folder
 */
export async function listFiles(folder: string, options: ListOptions): Promise<FolderEntry[]> {
	try {
		const found: FolderEntry[] = [];
		await walk({ folder, path: "", ancestors: [await realpath(folder)] }, options, found);
		return found;
	} catch (error) {
		throw error instanceof ClipSoupError ? error : unreadable(folder, error);
	}
}

/** Path of a file from a folder, with `/`, symbolic links to either resolved; undefined if it lies outside. */
export async function pathInFolder(folder: string, file: string): Promise<string | undefined> {
	const parent = dirname(resolve(file));
	const real = join(await realpath(parent).catch(() => parent), basename(resolve(file)));
	const path = relative(await realpath(folder).catch(() => resolve(folder)), real);
	return path === "" || path === ".." || path.startsWith(`..${sep}`) || resolve(path) === path
		? undefined
		: path.split(sep).join("/");
}

/** Whether a path or a folder it lies in is one of these. */
export function isAtOrBelow(path: string, ignored: ReadonlySet<string>): boolean {
	const parts = path.split("/");
	return parts.some((_, index) => ignored.has(parts.slice(0, index + 1).join("/")));
}

interface Place {
	readonly folder: string;
	/** From the folder that is listed. */
	readonly path: string;
	/** Real paths of this folder and of those that lead to it. */
	readonly ancestors: readonly string[];
}

async function walk(place: Place, options: ListOptions, found: FolderEntry[]): Promise<void> {
	for (const entry of await readdir(place.folder, { encoding: "buffer", withFileTypes: true })) {
		const name = entry.name.toString("utf8");
		const path = place.path === "" ? name : `${place.path}/${name}`;
		if (options.isIgnored(path)) continue;
		const full = join(place.folder, name);
		const isLink = entry.isSymbolicLink();
		if (!isUtf8(entry.name)) found.push({ path, kind: "file whose name is not UTF-8", byteLength: 0 });
		else if (isLink && !options.followsSymlinks) found.push({ path, kind: "symbolic link", byteLength: 0 });
		else {
			// A link that leads nowhere is found; a file that the system does not show ends the listing.
			const stats = isLink ? await stat(full).catch(() => undefined) : await stat(full);
			const below = stats?.isDirectory() ? await placeBelow(place, full, path) : undefined;
			if (below !== undefined) await walk(below, options, found);
			else found.push({ path, kind: kindOf(stats), byteLength: stats?.isFile() ? stats.size : 0 });
		}
	}
}

/** A folder in `place`; undefined if it is one of those that lead to it. */
async function placeBelow({ ancestors }: Place, folder: string, path: string): Promise<Place | undefined> {
	const real = await realpath(folder);
	return ancestors.includes(real) ? undefined : { folder, path, ancestors: [...ancestors, real] };
}

/** Folders come here only if a link leads back to them. */
function kindOf(stats: Stats | undefined): FolderEntry["kind"] {
	if (stats?.isFile()) return "file";
	return stats === undefined || stats.isDirectory() ? "symbolic link" : "special file";
}

function unreadable(folder: string, cause: unknown): unknown {
	const code = systemCode(cause);
	if (code === undefined) return cause;
	const details = { path: folder, system: code };
	if (code === "ENOENT") {
		const message = `Cannot list "${folder}": found no such folder`;
		return new ClipSoupError("ERR_INPUT_NOT_FOUND", message, { fix: "check the path", details, cause });
	}
	if (code === "ENOTDIR") {
		const message = `Cannot list "${folder}": found a file, expected a folder`;
		const fix = "give the folder of the model, with all files in it";
		return new ClipSoupError("ERR_USAGE", message, { fix, details, cause });
	}
	const message = `Cannot list "${folder}": the system says ${code}`;
	const fix = "check the permissions of the folder and of those in it";
	return new ClipSoupError("ERR_INPUT_UNREADABLE", message, { fix, details, cause });
}
