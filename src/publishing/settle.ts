import type { Subject } from "../checks/subject.ts";
import { ClipSoupError, isClipSoupError } from "../errors.ts";
import type { Connection } from "../hub/connection.ts";
import { type PullRequest, showPullRequest } from "../hub/pull-requests.ts";
import { createTag, readRefs } from "../hub/refs.ts";
import type { Watch } from "../progress.ts";
import type { OutgoingFile } from "./local-file.ts";
import { type PublishPlan, removedBy } from "./plan.ts";
import { checkRemote, type RemoteCheck, type RemoteDepth } from "./remote-check.ts";
import type { OnHub, Sent } from "./send.ts";

export interface Settling {
	readonly plan: PublishPlan;
	readonly files: readonly OutgoingFile[];
	readonly subject: Subject;
	readonly onHub: OnHub;
}

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
	{ plan, files, subject, onHub }: Settling,
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
	if (plan.tag !== null) await tagCommit(connection, sent, plan.tag, onHub);
	if (sent.pullRequest?.isDraft === true) await show(connection, sent, sent.pullRequest, plan.tag);
	return checked;
}

async function tagCommit(connection: Connection, sent: Sent, tag: string, onHub: OnHub): Promise<void> {
	await createTag(connection, tag, sent.commit).catch((error: unknown) => {
		if (!isClipSoupError(error) || error.code === "ERR_HUB_CONFLICT") throw error;
		throw unverified(connection, sent, [`it did not get its tag: ${error.message}`], error);
	});
	onHub("tag", `the tag ${tag}`);
}

/** Comes last: reviewers are told of a pull request that is finished. */
async function show(connection: Connection, sent: Sent, pullRequest: PullRequest, tag: string | null): Promise<void> {
	await showPullRequest(connection, pullRequest).catch((error: unknown) => {
		if (!isClipSoupError(error)) throw error;
		const rest = tag === null ? "" : `; the tag "${tag}" is made`;
		throw new ClipSoupError(
			"ERR_COMMITTED_UNVERIFIED",
			`Cannot finish pull request ${pullRequest.number} of "hf:${connection.id}": found that it stays a draft: ${error.message}`,
			{
				fix: `open it at ${pullRequest.url}, or publish again: its commit is in order${rest}`,
				details: { repo: connection.id, commit: sent.commit, pullRequest: pullRequest.url, tag },
				cause: error,
			},
		);
	});
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
		fix: `look at ${endpoint}/${id}/commit/${commit} by hand, then publish again or revert it; it gets no tag`,
		details: { repo: id, commit, findings, ...(pullRequest && { pullRequest: pullRequest.url }) },
		cause,
	});
}
