import { findCommit } from "../hub/commit.ts";
import type { Connection } from "../hub/connection.ts";
import {
	closePullRequest,
	type FoundPullRequests,
	findPullRequests,
	openPullRequest,
	type PullRequest,
} from "../hub/pull-requests.ts";
import { readRefs } from "../hub/refs.ts";
import { hasChanges, type PublishPlan } from "./plan.ts";
import { textOf } from "./plan-text.ts";

/** What earlier runs with the same change left on the Hub, however they ended. */
export interface EarlierRuns extends FoundPullRequests {
	/** The commit, if the open pull request has it. */
	readonly commit: string | undefined;
}

const NONE: EarlierRuns = { open: undefined, closed: [], commit: undefined };

/**
 * Looks for the pull request of a plan by its title: one change has one pull request, whatever became of the run that
 * opened it and of what that left on this machine.
 */
export async function findEarlier(connection: Connection, plan: PublishPlan): Promise<EarlierRuns> {
	if (plan.target.kind !== "pull-request" || plan.head === null || !hasChanges(plan)) return NONE;
	const text = textOf(plan);
	const found = await findPullRequests(connection, text.title);
	if (found.open === undefined) return { ...found, commit: undefined };
	const { branch } = found.open;
	return { ...found, commit: await findCommit(connection, { branch, parent: plan.head, text }) };
}

/** What the user should know of earlier runs. */
export function earlierNotices({ open, closed, commit }: EarlierRuns): string[] {
	if (open === undefined) {
		return closed.map((number) => `pull request ${number} of this change was closed: another one is opened`);
	}
	const what = commit === undefined ? "gets the commit" : "has the commit";
	return [`pull request ${open.number} is there already and ${what}: no second one is opened`];
}

/** The pull request of a plan, opened if there is none. */
export function takePullRequest(
	connection: Connection,
	plan: PublishPlan,
	{ open }: EarlierRuns,
): PullRequest | Promise<PullRequest> {
	const { title, description } = textOf(plan);
	return open ?? openPullRequest(connection, title, description);
}

/**
 * Closes a draft that nothing was committed to. It is tried once the commit has failed, whose error is the one to tell:
 * an error of its own is passed over.
 */
export async function closeEmpty(
	connection: Connection,
	{ head }: PublishPlan,
	pullRequest: PullRequest,
): Promise<void> {
	if (!pullRequest.isDraft) return;
	try {
		const { branches, pullRequests } = await readRefs(connection);
		const at = pullRequests.get(pullRequest.branch);
		// It starts at the default branch, which may have moved on since the plan.
		if (at === head || at === branches.get("main")) await closePullRequest(connection, pullRequest);
	} catch {
		// It stays an empty draft, which the next run with that change finds and uses.
	}
}
