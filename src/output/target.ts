import { lstat, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { ClipSoupError, systemCode } from "../errors.ts";

/** Where the output goes: one file, or a set of files in a folder. */
export type OutputTarget = FileTarget | { readonly kind: "folder"; readonly path: string; readonly exists: boolean };

/** An output of one file. */
export interface FileTarget {
	readonly kind: "file";
	/** Absolute. */
	readonly path: string;
	readonly folder: string;
	readonly name: string;
}

/** Identity of an input file or folder, symlinks resolved. */
export interface InputIdentity {
	readonly device: bigint;
	readonly inode: bigint;
	/** What the user called it. */
	readonly name: string;
}

const FILE_EXTENSION = ".safetensors";

/** Whether `-o path` names one file: everything else is a folder. */
function isFileOutput(path: string): boolean {
	return path.endsWith(FILE_EXTENSION);
}

/**
 * Resolves `-o path`.
 *
 * @throws {ClipSoupError} ERR_OUTPUT_NOT_WRITABLE if the folder of a file output does not exist,
 *   ERR_OUTPUT_EXISTS if a folder stands where the file should go or a file where the folder should
 */
export async function resolveTarget(path: string): Promise<OutputTarget> {
	if (isFileOutput(path)) return resolveFileTarget(path);
	const absolute = resolve(path);
	const existing = await stat(absolute).catch(() => undefined);
	if (existing && !existing.isDirectory())
		throw inTheWay(path, "a file", "name a folder, or a file that ends in .safetensors");
	return { kind: "folder", path: absolute, exists: existing !== undefined };
}

/**
 * Resolves the path of one file, whatever its extension.
 *
 * @throws {ClipSoupError} ERR_OUTPUT_NOT_WRITABLE if its folder does not exist, ERR_OUTPUT_EXISTS if it is a folder
 */
export async function resolveFileTarget(path: string): Promise<FileTarget> {
	const absolute = resolve(path);
	const existing = await stat(absolute).catch(() => undefined);
	if (existing?.isDirectory())
		throw inTheWay(
			path,
			"a folder",
			`name a file that is not a folder, or a folder without ${extname(path)} in its name`,
		);
	const folder = dirname(absolute);
	const parent = await stat(folder).catch(() => undefined);
	if (!parent?.isDirectory()) {
		throw new ClipSoupError(
			"ERR_OUTPUT_NOT_WRITABLE",
			`Cannot write "${path}": folder "${dirname(path)}" does not exist`,
			{
				fix: `create it first: mkdir -p ${dirname(path)}`,
				details: { path },
			},
		);
	}
	return { kind: "file", path: absolute, folder, name: basename(absolute) };
}

function inTheWay(path: string, what: string, fix: string): ClipSoupError {
	return new ClipSoupError("ERR_OUTPUT_EXISTS", `Cannot write "${path}": ${what} of that name exists`, {
		fix,
		details: { path },
	});
}

/**
 * Refuses names that exist, unless `force`; an output that is an input and a folder where a file should go, even then.
 *
 * @param names the file names to be written, relative to the target's folder
 * @throws {ClipSoupError} ERR_OUTPUT_IS_INPUT, ERR_OUTPUT_EXISTS with all names that are taken
 */
export async function refuseClashes(
	target: OutputTarget,
	names: readonly string[],
	options: { readonly inputs: readonly InputIdentity[]; readonly force: boolean },
): Promise<void> {
	const folder = targetFolder(target);
	const candidates = [...names.map((name) => join(folder, name)), ...(target.kind === "folder" ? [target.path] : [])];
	for (const path of candidates) await refuseInput(path, options.inputs);
	for (const name of names) await refuseFolder(join(folder, name));
	if (options.force) return;
	const taken: string[] = [];
	for (const name of names) {
		if (await exists(join(folder, name))) taken.push(name);
	}
	if (taken.length === 0) return;
	const list = taken.map((name) => `"${name}"`).join(", ");
	throw new ClipSoupError("ERR_OUTPUT_EXISTS", `Cannot write to "${folder}": ${list} exists there`, {
		fix: "choose another -o, or add --force to replace exactly these files",
		details: { folder, names: taken },
	});
}

async function refuseInput(path: string, inputs: readonly InputIdentity[]): Promise<void> {
	const existing = await stat(path, { bigint: true }).catch(() => undefined);
	const input = inputs.find(({ device, inode }) => existing?.dev === device && existing.ino === inode);
	if (input === undefined) return;
	throw new ClipSoupError("ERR_OUTPUT_IS_INPUT", `Cannot write "${path}": it is the input "${input.name}"`, {
		fix: "choose another -o; inputs are never overwritten, not even with --force",
		details: { path, input: input.name },
	});
}

/** No rename replaces a folder by a file: it would fail after other names were already replaced. */
async function refuseFolder(path: string): Promise<void> {
	const existing = await lstat(path).catch(() => undefined);
	if (existing?.isDirectory()) throw inTheWay(path, "a folder", "move that folder away, or choose another -o");
}

/** Whether anything has that name, a dangling symlink included. */
async function exists(path: string): Promise<boolean> {
	try {
		await lstat(path);
		return true;
	} catch (error) {
		if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
		throw error;
	}
}

/** Folder in which the output's names appear. */
export function targetFolder(target: OutputTarget): string {
	return target.kind === "file" ? target.folder : target.path;
}
