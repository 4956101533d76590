import { dirname, isAbsolute } from "node:path";
import { givenName } from "../checkpoint/open.ts";
import type { Subject } from "./subject.ts";

/**
 * A text that names files of a model as reports do: from the model's folder on, which says nothing of the machine. Of other
 * folders, such as that of `--text`, the base name stays.
 */
export function shortPaths(text: string, { path, checkpoints }: Pick<Subject, "path" | "checkpoints">): string {
	const own = folderOf(path);
	const others = checkpoints.map((checkpoint) => folderOf(checkpoint.path));
	const bare = own === "." ? text : text.replaceAll(`${own}/`, "");
	return others
		.filter((folder) => folder !== "." && folder !== own)
		.reduce((short, folder) => short.replaceAll(`${folder}/`, `${givenName(folder)}/`), bare)
		.replaceAll(`"${path}"`, `"${givenName(path)}"`);
}

/** A file from the model's folder on; undefined if it lies elsewhere, as an ingredient does. */
export function fileWithin(path: string, file: string): string | undefined {
	const folder = folderOf(path);
	if (folder === "." && !isAbsolute(file)) return file;
	return file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : undefined;
}

/** The folder that a path names, or that the file lies in that it names. */
function folderOf(path: string): string {
	const isFile = /\.(safetensors|json)$/.test(path);
	return (isFile ? dirname(path) : path).replace(/(?<=.)\/+$/, "");
}
