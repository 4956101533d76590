import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { ClipSoupError, systemCode } from "../errors.ts";
import { compareUtf8 } from "../tensor/names.ts";

/**
 * The file itself, or all files below a folder that have one of the extensions, in the order of their paths.
 *
 * Names that start with a dot are passed over, as `ls` does; symlinks to folders are not followed.
 * @param extensions in lower case, with the dot; compared without regard to case
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND if there is nothing of that name, or no such file below the folder;
 *   ERR_INPUT_UNREADABLE
 */
export async function findFiles(path: string, extensions: readonly string[]): Promise<string[]> {
	const stats = await stat(path).catch((cause) => {
		throw unreadable(path, cause);
	});
	if (!stats.isDirectory()) return [path];
	const files = await filesBelow(path, extensions);
	if (files.length > 0) return files;
	throw new ClipSoupError(
		"ERR_INPUT_NOT_FOUND",
		`Cannot use "${path}": found no file in it that ends in ${extensions.join(", ")}, expected at least one`,
		{ fix: "check the path", details: { path } },
	);
}

async function filesBelow(folder: string, extensions: readonly string[]): Promise<string[]> {
	const entries = await readdir(folder, { withFileTypes: true }).catch((cause) => {
		throw unreadable(folder, cause);
	});
	const files: string[] = [];
	for (const entry of entries.sort((a, b) => compareUtf8(a.name, b.name))) {
		const path = join(folder, entry.name);
		if (entry.name.startsWith(".")) continue;
		if (entry.isDirectory()) files.push(...(await filesBelow(path, extensions)));
		else if (extensions.includes(extname(entry.name).toLowerCase())) files.push(path);
	}
	return files;
}

function unreadable(path: string, cause: unknown): ClipSoupError {
	const code = systemCode(cause);
	if (code === "ENOENT" || code === "ENOTDIR") {
		return new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot open "${path}": found no such file`, {
			fix: "check the path",
			details: { path },
			cause,
		});
	}
	return new ClipSoupError("ERR_INPUT_UNREADABLE", `Cannot open "${path}": the system says ${code}`, {
		fix: "check the permissions of the folder",
		details: { path },
		cause,
	});
}
