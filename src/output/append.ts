import { appendFile } from "node:fs/promises";
import { ClipSoupError, systemCode } from "../errors.ts";

/** Adds text to the end of a file that belongs to someone else, such as a CI job's summary. @throws {ClipSoupError} ERR_OUTPUT_NOT_WRITABLE */
export async function appendText(path: string, text: string): Promise<void> {
	try {
		await appendFile(path, text);
	} catch (cause) {
		throw new ClipSoupError("ERR_OUTPUT_NOT_WRITABLE", `Cannot write "${path}": the system says ${systemCode(cause)}`, {
			fix: "check that the folder exists and may be written to",
			details: { path },
			cause,
		});
	}
}
