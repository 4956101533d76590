import { basename } from "node:path";
import { readSmallFile } from "../bytes/small-file.ts";
import { ClipSoupError } from "../errors.ts";

/** Text of a file that must be there; undefined if none is named. @throws {ClipSoupError} as `readText`, ERR_INPUT_NOT_FOUND */
export async function readNamedText(path: string | undefined): Promise<string | undefined> {
	if (path === undefined) return undefined;
	const text = await readText(path);
	if (text !== undefined) return text;
	throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot open "${path}": found no such file`, {
		fix: "check the path",
		details: { path },
	});
}

/** Text of a file, exactly; undefined if there is none. @throws {ClipSoupError} as `exactText` */
export async function readText(path: string): Promise<string | undefined> {
	const bytes = await readSmallFile(path);
	return bytes && exactText(bytes, path);
}

/** Bytes as text: those that are no UTF-8 would come back as others. @throws {ClipSoupError} ERR_CONFIG_INVALID */
export function exactText(bytes: Buffer, path: string): string {
	const text = bytes.toString("utf8");
	if (Buffer.from(text).equals(bytes)) return text;
	throw new ClipSoupError("ERR_CONFIG_INVALID", `Cannot read "${basename(path)}": found bytes that are no UTF-8`, {
		fix: "save it as UTF-8",
		details: { path },
	});
}
