import { isClipSoupError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { isUnavailable } from "./pull-requests.ts";
import { readCommits } from "./refs.ts";
import { type CommitRequest, sendCommit, type UploadEvents } from "./upload.ts";

/** A commit whose parent has to be known: on it rests that nothing is committed twice. */
export interface PinnedCommit extends CommitRequest {
	readonly parent: string;
}

/**
 * Commits once, also where answers are lost: before a commit is sent again, the branch is looked at.
 *
 * The Hub may finish a commit after its gateway gave up waiting for it. If it does so after our look, the second one is
 * refused for its parent, and the next look finds the first.
 * @param request its title has to tell this commit from others
 * @throws {ClipSoupError} ERR_HUB_CONFLICT if someone else committed meanwhile; as `sendCommit`
 */
export function commitOnce(connection: Connection, request: PinnedCommit, events: UploadEvents): Promise<string> {
	let isSent = false;
	const onCommit = (lines: readonly unknown[]) => {
		events.onCommit?.(lines);
		isSent = true;
	};
	return connection.http.again(
		async () => {
			try {
				return await sendCommit(connection, request, { ...events, onCommit });
			} catch (error) {
				if (!isSent) throw error;
				const isConflict = isClipSoupError(error) && error.code === "ERR_HUB_CONFLICT";
				if (!isConflict && !isUnavailable(error)) throw error;
				const found = await findCommit(connection, request);
				if (found === undefined) throw error;
				return found;
			}
		},
		(error) => isSent && isUnavailable(error),
	);
}

/** The commit of that title and parent among the last ones of a branch, on which others may have built since. */
export async function findCommit(
	connection: Connection,
	{ branch, parent, text }: Pick<PinnedCommit, "branch" | "parent" | "text">,
): Promise<string | undefined> {
	const commits = await readCommits(connection, branch);
	return commits.find(({ title }, index) => title === text.title && commits[index + 1]?.id === parent)?.id;
}
