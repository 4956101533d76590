import type { Subject } from "../checks/subject.ts";
import { ClipSoupError, isClipSoupError } from "../errors.ts";
import type { Connection } from "../hub/connection.ts";
import { showPullRequest } from "../hub/pull-requests.ts";
import { createTag, readRefs } from "../hub/refs.ts";
import type { Watch } from "../progress.ts";
import type { OutgoingFile } from "./local-file.ts";
import { type PublishPlan, removedBy } from "./plan.ts";
import { checkRemote, type RemoteCheck, type RemoteDepth } from "./remote-check.ts";
import type { Sent } from "./send.ts";

export interface SettleOptions {
	/** Undefined to read nothing back. */
	readonly depth: RemoteDepth | undefined;
	readonly seed: number;
}

/**
 * Reads back what was committed, and only if it is what it should be gives it its tag and shows its pull request.
 *
 * @throws {ClipSoupError} ERR_COMMITTED_UNVERIFIED if something differs or cannot be read, ERR_HUB_CONFLICT if the tag
 *   names another commit by now
 */
export async function settle(
	connection: Connection,
	sent: Sent,
	{
		plan,
		files,
		subject,
	}: { readonly plan: PublishPlan; readonly files: readonly OutgoingFile[]; readonly subject: Subject },
	{ depth, seed }: SettleOptions,
	watch: Watch,
): Promise<RemoteCheck | undefined> {
	const expected = { files, removed: removedBy(plan), subject };
	const checked =
		depth === undefined
			? undefined
			: await checkRemote(connection, sent.commit, expected, { depth, seed }, watch).catch((error: unknown) => {
					if (!isClipSoupError(error)) throw error;
					throw unverified(connection, sent, [error.message], error);
				});
	if (checked !== undefined && checked.findings.length > 0) throw unverified(connection, sent, checked.findings);
	await finish(connection, sent, plan).catch((error: unknown) => {
		if (!isClipSoupError(error) || error.code === "ERR_HUB_CONFLICT") throw error;
		throw unverified(connection, sent, [`its tag or its pull request is not as it should be: ${error.message}`], error);
	});
	return checked;
}

async function finish(connection: Connection, { commit, pullRequest }: Sent, { tag }: PublishPlan): Promise<void> {
	if (tag !== null) await createTag(connection, tag, commit);
	if (pullRequest !== undefined) await showPullRequest(connection, pullRequest.number);
}

/** Refuses a tag that is taken before anything is sent. @param commit the one that it may name */
export async function refuseTakenTag(connection: Connection, tag: string, commit: string | null): Promise<void> {
	const { tags } = await readRefs(connection);
	const found = tags.get(tag);
	if (found === undefined || found === commit) return;
	const message = `Cannot tag "hf:${connection.id}": found "${tag}" at ${found}, expected no tag of that name`;
	throw new ClipSoupError("ERR_HUB_CONFLICT", message, {
		fix: "choose another --tag; a tag that others may rely on is never moved",
		details: { tag, found },
	});
}

const MOST_SHOWN = 3;

function unverified(
	{ id, endpoint }: Connection,
	{ commit, pullRequest }: Sent,
	findings: readonly string[],
	cause?: unknown,
): ClipSoupError {
	const shown = findings.slice(0, MOST_SHOWN).join("; ") + (findings.length > MOST_SHOWN ? " …" : "");
	const message = `Cannot vouch for commit ${commit} of "hf:${id}": found that ${shown}`;
	return new ClipSoupError("ERR_COMMITTED_UNVERIFIED", message, {
		fix: `look at ${endpoint}/${id}/commit/${commit} by hand, then publish again or revert it; it has no tag`,
		details: { repo: id, commit, findings, ...(pullRequest && { pullRequest: pullRequest.url }) },
		cause,
	});
}
