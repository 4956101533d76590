import { ClipSoupError, type ErrorCode } from "../errors.ts";
import { quote } from "./quote.ts";

/** Cure of a file that is whole but breaks the format. */
export const SAVE_AGAIN = "save the file again with a current safetensors library";
/** Cure of a file that lost bytes on its way. */
export const DOWNLOAD_AGAIN = "download it again";

interface HeaderFault {
	readonly file: string;
	readonly tensor?: string;
	readonly found: string;
	readonly expected: string;
	readonly fix?: string;
}

/** "Cannot read "t" of "a.safetensors": found …, expected …", with the same facts in `details`. */
export function headerError(code: ErrorCode, fault: HeaderFault): ClipSoupError {
	const { file, tensor, found, expected, fix = SAVE_AGAIN } = fault;
	const subject = tensor === undefined ? quote(file) : `${quote(tensor)} of ${quote(file)}`;
	return new ClipSoupError(code, `Cannot read ${subject}: found ${found}, expected ${expected}`, {
		fix,
		details: { file, ...(tensor !== undefined && { tensor }), found, expected },
	});
}
