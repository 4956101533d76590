import { ClipSoupError } from "../errors.ts";
import { openLocalFile } from "./local-file.ts";

/** More than any configuration or tokenizer file of a CLIP: the largest, a tokenizer.json, has 4 MB. */
const MOST_BYTES = 2 ** 28;

/**
 * The bytes of a small file; undefined if there is none of that name.
 *
 * @throws {ClipSoupError} ERR_INPUT_NOT_A_FILE for a pipe or device, which is never opened, ERR_INPUT_UNREADABLE,
 *   ERR_CONFIG_INVALID above 256 MiB
 */
export async function readSmallFile(path: string): Promise<Buffer | undefined> {
	try {
		await using file = await openLocalFile(path);
		if (file.byteLength > MOST_BYTES) throw tooLarge(path, file.byteLength);
		const bytes = Buffer.alloc(file.byteLength);
		await file.read(0, bytes);
		return bytes;
	} catch (error) {
		if (error instanceof ClipSoupError && error.code === "ERR_INPUT_NOT_FOUND") return undefined;
		throw error;
	}
}

function tooLarge(path: string, found: number): ClipSoupError {
	return new ClipSoupError(
		"ERR_CONFIG_INVALID",
		`Cannot read "${path}": found ${found} bytes, expected at most ${MOST_BYTES}`,
		{
			fix: "make sure that it is the file it is called",
			details: { path, found },
		},
	);
}
