import { ClipSoupError } from "../errors.ts";
import { commitOnce, type PinnedCommit } from "../hub/commit.ts";
import type { Connection } from "../hub/connection.ts";
import type { PullRequest } from "../hub/pull-requests.ts";
import { createBranch, readRefs } from "../hub/refs.ts";
import { createRepository, repositoryInfo } from "../hub/repository-info.ts";
import { uploadContents } from "../hub/upload.ts";
import type { Watch } from "../progress.ts";
import { refuseOtherContent } from "./commit-guard.ts";
import { contentOf, type OutgoingFile } from "./local-file.ts";
import { hasChanges, outgoingOf, type PublishPlan, removedBy } from "./plan.ts";
import { textOf } from "./plan-text.ts";
import { closeEmpty, type EarlierRuns, takePullRequest } from "./pull-request.ts";
import { TransferProgress } from "./transfer-progress.ts";

/** What is on the Hub now. */
export interface Sent {
	/** 40 hex digits. */
	readonly commit: string;
	/** Undefined if nothing had to be committed and no branch to be made. */
	readonly branch: string | undefined;
	readonly pullRequest: PullRequest | undefined;
}

/** Told what the Hub holds by now of each part of a publish, in words; a later word of a part takes the place of an earlier. */
export type OnHub = (part: "repository" | "branch" | "pull request" | "commit" | "tag", state: string) => void;

export interface Sending {
	readonly plan: PublishPlan;
	readonly files: readonly OutgoingFile[];
	readonly earlier: EarlierRuns;
	readonly onHub: OnHub;
}

/**
 * Uploads and commits: large contents first, then the place to commit to, then one commit of everything, so that a failure
 * leaves neither half a model nor an empty pull request.
 *
 * @throws {ClipSoupError} ERR_HUB_CONFLICT if the repository moved since the plan; what the Hub refuses
 */
export async function send(connection: Connection, sending: Sending, watch: Watch): Promise<Sent> {
	const { plan, files, earlier, onHub } = sending;
	const head = plan.head ?? (await makeRepository(connection, plan, onHub));
	if (!hasChanges(plan)) return sendNothing(connection, sending, head);
	if (earlier.open !== undefined && earlier.commit !== undefined) {
		const { open: pullRequest, commit } = earlier;
		onHub("commit", `commit ${commit} in pull request ${pullRequest.url}`);
		return { commit, branch: pullRequest.branch, pullRequest };
	}

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

	const { branch, pullRequest } = await makePlace(connection, sending, head);
	const request: PinnedCommit = { content, branch, parent: head, text: textOf(plan) };
	const onCommit = (lines: readonly unknown[]) => {
		refuseOtherContent(lines, outgoing, content.removed);
		onHub("commit", `perhaps a commit to ${branch}`);
	};
	const commit = await commitOnce(connection, request, { onCommit }).catch(async (error: unknown) => {
		if (pullRequest !== undefined) await closeEmpty(connection, plan, pullRequest);
		throw error;
	});
	onHub("commit", `commit ${commit} on ${branch}`);
	return { commit, branch, pullRequest };
}

/** A branch that is to be made is made also where it differs in nothing. */
async function sendNothing(connection: Connection, { plan: { target }, onHub }: Sending, head: string): Promise<Sent> {
	const isNew = target.kind === "branch" && target.isNew;
	if (isNew) await makeBranch(connection, target.name, head, onHub);
	return { commit: head, branch: isNew ? target.name : undefined, pullRequest: undefined };
}

async function makeRepository(connection: Connection, { visibility }: PublishPlan, onHub: OnHub): Promise<string> {
	await createRepository(connection, visibility === "private");
	onHub("repository", `the repository ${connection.id}`);
	const info = await repositoryInfo(connection);
	if (info !== undefined && info.isPrivate === (visibility === "private")) return info.head;
	const found = info === undefined ? "none of that name" : `it ${info.isPrivate ? "private" : "public"}`;
	throw new ClipSoupError("ERR_VISIBILITY", `Cannot publish to "hf:${connection.id}": found ${found} after making it`, {
		fix: "look at the settings of the repository and of its organisation",
		details: { repo: connection.id },
	});
}

interface Place {
	readonly branch: string;
	readonly pullRequest: PullRequest | undefined;
}

async function makePlace(connection: Connection, { plan, earlier, onHub }: Sending, head: string): Promise<Place> {
	const { target } = plan;
	if (target.kind === "branch") {
		if (target.isNew) await makeBranch(connection, target.name, head, onHub);
		return { branch: target.name, pullRequest: undefined };
	}
	if (earlier.open === undefined) await refuseMoved(connection, head);
	const pullRequest = await takePullRequest(connection, plan, earlier);
	onHub("pull request", `pull request ${pullRequest.url}`);
	return { branch: pullRequest.branch, pullRequest };
}

async function makeBranch(connection: Connection, name: string, head: string, onHub: OnHub): Promise<void> {
	await createBranch(connection, name, head);
	onHub("branch", `the branch ${name}`);
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
