import { dirname, isAbsolute } from "node:path";
import { givenName } from "../checkpoint/open.ts";
import { isHubReference } from "../hub/reference.ts";
import type { Subject } from "./subject.ts";

/**
 * A text that names files of a model as reports do: from the model's folder on, which says nothing of the machine. Of other
 * folders, such as that of `--text`, the base name stays.
 */
export function shortPaths(text: string, { path, checkpoints }: Pick<Subject, "path" | "checkpoints">): string {
	const own = prefixOf(path);
	const others = new Map(checkpoints.map((checkpoint) => [prefixOf(checkpoint.path), folderOf(checkpoint.path)]));
	const short = [...others]
		.filter(([prefix]) => prefix !== "" && prefix !== own)
		.reduce(
			(all, [prefix, folder]) => all.replaceAll(prefix, `${givenName(folder)}/`),
			own === "" ? text : text.replaceAll(own, ""),
		);
	return isHubReference(path) ? short : short.replaceAll(`"${path}"`, `"${givenName(path)}"`);
}

/** A file from the model's folder on; undefined if it lies elsewhere, as an ingredient does. */
export function fileWithin(path: string, file: string): string | undefined {
	const prefix = prefixOf(path);
	const isWithin = prefix === "" ? !isAbsolute(file) : file.startsWith(prefix);
	return isWithin ? file.slice(prefix.length) : undefined;
}

/** What stands before the names of the files in a folder: nothing in the current one, a colon at the root of a repository. */
function prefixOf(path: string): string {
	const folder = folderOf(path);
	if (folder === ".") return "";
	return isHubReference(folder) && folder.split(":").length === 2 ? `${folder}:` : `${folder}/`;
}

/** The folder that a path names, or that the file lies in that it names. */
function folderOf(path: string): string {
	if (!/\.(safetensors|json)$/.test(path)) return path.replace(/(?<=.)\/+$/, "");
	return isHubReference(path) ? path.replace(/[/:][^/:]*$/, "") : dirname(path);
}
