import { realpath, stat } from "node:fs/promises";
import { dirname, parse, relative, sep } from "node:path";
import type { ByteSource } from "../bytes/byte-source.ts";
import { ClipSoupError } from "../errors.ts";
import type { StoredName } from "../layouts/assemble.ts";
import { type Tower, towerOf } from "../layouts/canonical.ts";
import { type ClipModel, storedOf } from "./model.ts";

/** Where ONNX Runtime finds the weights of a tower. */
export interface SessionFiles {
	/** The deepest folder that all of the files lie in or below. */
	readonly folder: string;
	/** Real paths of the weight files, by the paths they were opened at. */
	readonly realPaths: ReadonlyMap<string, string>;
}

/**
 * Finds the real files of the weights of some towers, and the folder they share.
 *
 * ONNX Runtime looks for external data in one folder and refuses paths that leave it, symlinks included, which the Hub
 * cache is made of; the deepest common folder of the real files holds even those of different checkpoints.
 * @throws {ClipSoupError} ERR_INPUT_CHANGED if a file is not the one that was opened, ERR_INPUT_UNREADABLE if they lie on
 * different drives, which have no folder in common
 */
export async function findSessionFiles(model: ClipModel, towers: readonly Tower[]): Promise<SessionFiles> {
	const realPaths = new Map<string, string>();
	for (const file of weightFilesOf(model, towers)) {
		const path = await pathStillThere(file);
		realPaths.set(path, await realpath(path));
	}
	return { folder: commonFolder(model, [...realPaths.values()]), realPaths };
}

/** The files that the tensors of some towers lie in, each once. */
function weightFilesOf(model: ClipModel, towers: readonly Tower[]): readonly ByteSource[] {
	const sources = model.tensors
		.filter(({ name }) => towers.includes(towerOf(name)))
		.flatMap((tensor) => tensor.sources);
	return [...new Set(sources.flatMap((source) => fileOf(model, source) ?? []))];
}

function fileOf(model: ClipModel, source: StoredName): ByteSource | undefined {
	const file = storedOf(model, source)?.file;
	return file === undefined ? undefined : model.checkpoints[source.folder]?.files[file]?.source;
}

/** ONNX Runtime opens the path anew: it has to lead to the file whose header was read, and that as it was. */
async function pathStillThere(source: ByteSource): Promise<string> {
	const { file } = source;
	if (file === undefined) throw notLocal(source);
	await source.assertUnchanged();
	const found = await stat(file.path, { bigint: true }).catch(() => undefined);
	if (found?.ino === file.inode && found.dev === file.device) return file.path;
	throw new ClipSoupError(
		"ERR_INPUT_CHANGED",
		`Cannot use what was read from "${file.path}": found ${found === undefined ? "no file" : "another file"} there, ` +
			"expected the one that was opened",
		{ fix: "run again when nothing replaces the file", details: { file: file.path } },
	);
}

function notLocal({ name }: ByteSource): ClipSoupError {
	return new ClipSoupError(
		"ERR_USAGE",
		`Cannot compute the features of "${name}": found it on the Hub, expected a file that ONNX Runtime can open`,
		{ fix: "give --download, which copies it to a temporary folder, or download it first: hf download" },
	);
}

function commonFolder(model: ClipModel, [first = model.path, ...others]: readonly string[]): string {
	let folder = dirname(first);
	for (const other of others) {
		if (parse(other).root !== parse(first).root) throw differentDrives(model, first, other);
		while (relative(folder, other).split(sep)[0] === "..") folder = dirname(folder);
	}
	return folder;
}

function differentDrives({ path }: ClipModel, first: string, other: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_INPUT_UNREADABLE",
		`Cannot compute the features of "${path}": found its weights on two drives ("${first}", "${other}"), expected one`,
		{ fix: "move the weight files to one drive", details: { first, other } },
	);
}
