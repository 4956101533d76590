import { realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { type FolderEntry, listFiles } from "../signing/list-files.ts";
import { isHidden, isKnownPath, isLeftByTool, isPickle, matchesGlob } from "./file-names.ts";
import { holdsPickle } from "./pickle.ts";

export interface SelectOptions {
	/** Patterns of paths to publish besides the known names. */
	readonly include?: readonly string[] | undefined;
	readonly allowPickle?: boolean | undefined;
}

/** What of a folder is published. */
export interface Selection {
	/** Paths from the folder with `/`, sorted. */
	readonly paths: readonly string[];
	/** Paths of what stays here, sorted; less what tools leave. */
	readonly leftOut: readonly string[];
}

/**
 * Chooses the files to publish by name. A folder is never sent as such: it may hold anything.
 *
 * @throws {ClipSoupError} ERR_PICKLE, ERR_UNSAFE_FILE for hidden files, links that lead out of the folder, empty files and
 *   what is no file; ERR_USAGE for a pattern that matches nothing
 */
export async function selectFiles(folder: string, options: SelectOptions = {}): Promise<Selection> {
	const { include = [], allowPickle = false } = options;
	const entries = await listFiles(folder, { isIgnored: isLeftByTool, followsSymlinks: true });
	const isAsked = ({ path }: FolderEntry) => include.some((pattern) => matchesGlob(pattern, path));
	const selected = entries.filter((entry) => isKnownPath(entry.path) || isAsked(entry));
	const root = await realpath(folder);
	const faults: ClipSoupError[] = entries.filter(({ path }) => isHidden(path)).map(hiddenFault);
	// A pickle is refused wherever it lies: that it is in the folder at all is a sign that something is wrong.
	const pickles = allowPickle ? [] : entries.filter(({ path }) => isPickle(path) && !isHidden(path));
	faults.push(...pickles.map(({ path }) => pickleFault(path)));
	for (const entry of selected.filter((each) => !isHidden(each.path) && !pickles.includes(each))) {
		const fault = (await unsafeFault(root, entry)) ?? (allowPickle ? undefined : await sniffPickle(folder, entry));
		if (fault !== undefined) faults.push(fault);
	}
	throwFaults(`Cannot publish "${folder}"`, faults);
	refuseIdlePatterns(include, entries);
	const paths = selected.map(({ path }) => path).sort();
	const leftOut = entries.map(({ path }) => path).filter((path) => !paths.includes(path));
	return { paths, leftOut: leftOut.sort() };
}

function refuseIdlePatterns(include: readonly string[], entries: readonly FolderEntry[]): void {
	const idle = include.find((pattern) => !entries.some(({ path }) => matchesGlob(pattern, path)));
	if (idle === undefined) return;
	throw new ClipSoupError("ERR_USAGE", `Cannot use --include "${idle}": found no file of that name in the folder`, {
		fix: "give paths from the folder, such as onnx/*.onnx",
	});
}

async function unsafeFault(root: string, { path, kind, byteLength }: FolderEntry): Promise<ClipSoupError | undefined> {
	if (kind !== "file") return unsafe(path, `a ${kind}`, "a regular file", "put a copy of the file in its place");
	const real = relative(root, await realpath(join(root, path)));
	if (real === ".." || real.startsWith(`..${sep}`)) {
		return unsafe(path, "a link that leads out of the folder", "a file in it", "put a copy of the file in its place");
	}
	if (isHidden(real)) {
		return unsafe(path, "a link to a hidden file", "one to a file that others may see", "put a copy in its place");
	}
	return byteLength === 0
		? unsafe(path, "0 bytes", "a file with something in it", "make it again, or remove it")
		: undefined;
}

/** By content: what is included may have any name. */
async function sniffPickle(folder: string, { path }: FolderEntry): Promise<ClipSoupError | undefined> {
	const isPickled = !path.endsWith(".safetensors") && (await holdsPickle(join(folder, path)));
	return isPickled ? pickleFault(path) : undefined;
}

function hiddenFault({ path }: FolderEntry): ClipSoupError {
	return unsafe(path, "a hidden file", "none, since they hold settings and secrets", "move it out of the folder");
}

function unsafe(path: string, found: string, expected: string, fix: string): ClipSoupError {
	const message = `Cannot publish "${path}": found ${found}, expected ${expected}`;
	return new ClipSoupError("ERR_UNSAFE_FILE", message, { fix, details: { path } });
}

function pickleFault(path: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_PICKLE",
		`Cannot publish "${path}": found a pickle, which can run code when it is loaded`,
		{
			fix: "remove it; or add --allow-pickle if you trust it",
			details: { path },
		},
	);
}
