import type { Folder } from "../bytes/folder.ts";
import { ClipSoupError } from "../errors.ts";

/** The two files that make up a tokenizer, as JSON. */
export interface TokenizerFiles {
	readonly folder: Folder;
	/** `tokenizer.json`: vocabulary, merges, and what is done to a text before and after. */
	readonly tokenizer: object;
	/** `tokenizer_config.json` */
	readonly config: object;
}

const TOKENIZER = "tokenizer.json";
const CONFIG = "tokenizer_config.json";

/**
 * Reads the tokenizer files of the first of `folders` that has a `tokenizer.json`.
 *
 * @throws {ClipSoupError} ERR_TOKENIZER if a file is missing or no JSON object, and what reading throws
 */
export async function readTokenizerFiles(folders: readonly Folder[], label: string): Promise<TokenizerFiles> {
	for (const folder of folders) {
		const tokenizer = await readObject(folder, TOKENIZER);
		if (tokenizer === undefined) continue;
		const config = await readObject(folder, CONFIG);
		if (config === undefined) throw missing(CONFIG, label, [folder]);
		return { folder, tokenizer, config };
	}
	throw missing(TOKENIZER, label, folders);
}

async function readObject(folder: Folder, name: string): Promise<object | undefined> {
	const bytes = await folder.readSmall(name);
	if (bytes === undefined) return undefined;
	const json = parse(bytes);
	if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
	const path = folder.nameOf(name);
	throw new ClipSoupError("ERR_TOKENIZER", `Cannot read "${path}": found no JSON object, expected a tokenizer's`, {
		fix: "download the file again",
		details: { path },
	});
}

function parse(bytes: Buffer): unknown {
	try {
		return JSON.parse(bytes.toString("utf8"));
	} catch {
		return undefined;
	}
}

function missing(name: string, label: string, folders: readonly Folder[]): ClipSoupError {
	const where = folders.length === 0 ? "" : ` in ${folders.map((folder) => `"${folder.name}"`).join(" or ")}`;
	return new ClipSoupError("ERR_TOKENIZER", `Cannot tokenise for ${label}: found no ${name}${where}, expected one`, {
		fix: "give the folder that has it with --tokenizer, or ready token ids with --input-ids",
		details: { name, folders: folders.map((folder) => folder.name) },
	});
}
