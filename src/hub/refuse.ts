import { ClipSoupError } from "../errors.ts";
import { isHubReference } from "./reference.ts";

/**
 * Refuses a reference to the Hub where a path on this machine is needed.
 *
 * @param reason why, as in "a signature covers every file of a folder", without its article
 * @throws {ClipSoupError} ERR_USAGE
 */
export function refuseHub(path: string, verb: string, reason: string): void {
	if (!isHubReference(path)) return;
	throw new ClipSoupError("ERR_USAGE", `Cannot ${verb} "${path}": found a repository on the Hub, expected a folder`, {
		fix: `download it first, since a ${reason}: hf download --local-dir soup/`,
	});
}
