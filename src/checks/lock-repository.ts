import { originOf } from "../checkpoint/checkpoint.ts";
import { ClipSoupError } from "../errors.ts";
import type { Lock } from "../lock/schema.ts";
import type { Subject } from "./subject.ts";

/**
 * Refuses to check a repository on the Hub against the lock of another one: a lock that is copied along would otherwise
 * vouch for whatever it lies beside.
 *
 * @throws {ClipSoupError} ERR_USAGE
 */
export function refuseOtherRepository({ path, checkpoints }: Subject, { model }: Lock): void {
	const origin = originOf(checkpoints);
	if (origin === undefined || model.repo === undefined || model.repo === origin.repo) return;
	throw new ClipSoupError(
		"ERR_USAGE",
		`Cannot check "${path}" against the lock: found the lock of ${model.repo}, expected one of ${origin.repo}`,
		{
			fix: "give the lock of this repository, or --any-repo if both should hold the same model",
			details: { found: model.repo, expected: origin.repo },
		},
	);
}
