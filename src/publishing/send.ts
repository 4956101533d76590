import { ClipSoupError } from "../errors.ts";
import { commitOnce, findCommit, type PinnedCommit } from "../hub/commit.ts";
import type { Connection } from "../hub/connection.ts";
import { findPullRequest, openPullRequest, type PullRequest, pullRequestAt } from "../hub/pull-requests.ts";
import { createBranch, readRefs } from "../hub/refs.ts";
import { createRepository, repositoryInfo } from "../hub/repository-info.ts";
import { uploadContents } from "../hub/upload.ts";
import type { Watch } from "../progress.ts";
import { refuseOtherContent } from "./commit-guard.ts";
import type { Journal, JournalState } from "./journal.ts";
import { contentOf, type OutgoingFile } from "./local-file.ts";
import { hasChanges, outgoingOf, type PublishPlan, removedBy } from "./plan.ts";
import { TransferProgress } from "./transfer-progress.ts";

/** What is on the Hub now. */
export interface Sent {
	/** 40 hex digits. */
	readonly commit: string;
	/** Undefined if nothing had to be committed. */
	readonly branch: string | undefined;
	readonly pullRequest: PullRequest | undefined;
}

export interface Sending {
	readonly plan: PublishPlan;
	readonly files: readonly OutgoingFile[];
	/** How far an earlier run got. */
	readonly state: JournalState;
}

/**
 * Uploads and commits: large contents first, then the place to commit to, then one commit of everything, so that a failure
 * leaves neither half a model nor an empty pull request.
 *
 * @throws {ClipSoupError} ERR_HUB_CONFLICT if the repository moved since the plan; what the Hub refuses
 */
export async function send(
	connection: Connection,
	{ plan, files, state }: Sending,
	journal: Journal,
	watch: Watch,
): Promise<Sent> {
	await journal.begin(plan.id);
	const head = plan.head ?? (await makeRepository(connection, plan));
	if (!hasChanges(plan)) return { commit: head, branch: undefined, pullRequest: undefined };
	const known = await earlierCommit(connection, plan, state, head);
	if (known !== undefined) return known;

	const wanted = new Set(outgoingOf(plan).map(({ path }) => path));
	const outgoing = files.filter(({ path }) => wanted.has(path));
	const contents = await Promise.all(
		outgoing.map(async (file) => ({ path: file.path, content: await contentOf(file) })),
	);
	const content = { files: contents, removed: removedBy(plan) };
	const progress = new TransferProgress(outgoing, watch);
	const onSent = (byteLength: number) => progress.add(byteLength);
	await uploadContents(connection, content, { onSent });
	progress.end();

	const { branch, pullRequest } = await makePlace(connection, plan, { state, head }, journal);
	const request: PinnedCommit = { content, branch, parent: head, text: textOf(plan) };
	const onCommit = (lines: readonly unknown[]) => refuseOtherContent(lines, outgoing, content.removed);
	const commit = await commitOnce(connection, request, { onCommit });
	await journal.note({ ...(pullRequest && { pullRequest: pullRequest.number }), commit });
	return { commit, branch, pullRequest };
}

/** Title and description of commit and pull request. The id in it tells them from all others. */
export function textOf({ id, repo, files, license }: PublishPlan): {
	readonly title: string;
	readonly description: string;
} {
	const changed = files.filter(({ action }) => action !== "same" && action !== "keep");
	const lines = changed.map(({ path, action, sha256 }) => `- ${action} ${path}${sha256 ? ` (sha256 ${sha256})` : ""}`);
	return {
		title: `Publish ${repo.split("/")[1]} with clip-soup (plan ${id.slice(0, 12)})`,
		description: [`Licence: ${license}`, ...lines].join("\n"),
	};
}

async function makeRepository(connection: Connection, { visibility }: PublishPlan): Promise<string> {
	await createRepository(connection, visibility === "private");
	const info = await repositoryInfo(connection);
	if (info !== undefined && info.isPrivate === (visibility === "private")) return info.head;
	const found = info === undefined ? "none of that name" : `it ${info.isPrivate ? "private" : "public"}`;
	throw new ClipSoupError("ERR_VISIBILITY", `Cannot publish to "hf:${connection.id}": found ${found} after making it`, {
		fix: "look at the settings of the repository and of its organisation",
		details: { repo: connection.id },
	});
}

/** What a run that was ended had committed to a pull request. A commit to a branch shows as a repository without changes. */
async function earlierCommit(
	connection: Connection,
	plan: PublishPlan,
	{ pullRequest: number, commit }: JournalState,
	head: string,
): Promise<Sent | undefined> {
	if (plan.target.kind !== "pull-request" || !number) return undefined;
	const pullRequest = pullRequestAt(connection, number);
	const { branch } = pullRequest;
	const content = { files: [], removed: [] };
	const found = commit ?? (await findCommit(connection, { content, branch, parent: head, text: textOf(plan) }));
	return found === undefined ? undefined : { commit: found, branch, pullRequest };
}

interface Place {
	readonly branch: string;
	readonly pullRequest: PullRequest | undefined;
}

async function makePlace(
	connection: Connection,
	plan: PublishPlan,
	{ state, head }: { readonly state: JournalState; readonly head: string },
	journal: Journal,
): Promise<Place> {
	const { target } = plan;
	if (target.kind === "branch") {
		if (target.isNew) await createBranch(connection, target.name, head);
		return { branch: target.name, pullRequest: undefined };
	}
	if (state.pullRequest) {
		const pullRequest = pullRequestAt(connection, state.pullRequest);
		return { branch: pullRequest.branch, pullRequest };
	}
	await refuseMoved(connection, head);
	const { title, description } = textOf(plan);
	const earlier = state.pullRequest === 0 ? await findPullRequest(connection, title) : undefined;
	await journal.note({ pullRequest: 0 });
	const pullRequest = earlier ?? (await openPullRequest(connection, title, description));
	await journal.note({ pullRequest: pullRequest.number });
	return { branch: pullRequest.branch, pullRequest };
}

/** A pull request starts at the head of the default branch, whatever that is by now. */
async function refuseMoved(connection: Connection, head: string): Promise<void> {
	const { branches } = await readRefs(connection);
	const found = branches.get("main");
	if (found === head) return;
	const message = `Cannot commit to "hf:${connection.id}": found main at ${found ?? "no commit"}, expected ${head}`;
	throw new ClipSoupError("ERR_HUB_CONFLICT", message, {
		fix: "look at what changed on the Hub and run again",
		details: { found, expected: head },
	});
}
