import * as z from "zod";
import type { ClipSoupError } from "../errors.ts";
import { isClipSoupError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { unavailable } from "./failure.ts";
import { postJson } from "./http.ts";

const refSchema = z.object({ name: z.string(), ref: z.string(), targetCommit: z.string() });
const refsSchema = z.object({
	branches: z.array(refSchema),
	tags: z.array(refSchema),
	pullRequests: z.array(refSchema).default([]),
});
const commitsSchema = z.array(z.object({ id: z.string(), title: z.string() }));

/** Commits by the names of branches, tags and pull requests (`refs/pr/N`). */
export interface Refs {
	readonly branches: ReadonlyMap<string, string>;
	readonly tags: ReadonlyMap<string, string>;
	readonly pullRequests: ReadonlyMap<string, string>;
}

/** All that names a commit in a repository, with one request. */
export async function readRefs({ http, endpoint, id }: Connection): Promise<Refs> {
	const attempt = { verb: "read", object: `hf:${id}` };
	const url = `${endpoint}/api/models/${id}/refs?include_prs=1`;
	const { value } = await http.json({ url, attempt });
	const refs = refsSchema.safeParse(value);
	if (!refs.success) throw unavailable(attempt, "refs of another form", url);
	const { branches, tags, pullRequests } = refs.data;
	return {
		branches: new Map(branches.map(({ name, targetCommit }) => [name, targetCommit])),
		tags: new Map(tags.map(({ name, targetCommit }) => [name, targetCommit])),
		pullRequests: new Map(pullRequests.map(({ ref, targetCommit }) => [ref, targetCommit])),
	};
}

/** Far back enough for a commit of ours on which others built since. */
const MOST_COMMITS = 20;

/** The last commits of a branch or pull request, newest first. */
export async function readCommits({ http, endpoint, id }: Connection, branch: string) {
	const attempt = { verb: "read", object: `hf:${id}@${branch}` };
	const url = `${endpoint}/api/models/${id}/commits/${encodeURIComponent(branch)}?limit=${MOST_COMMITS}`;
	const { value } = await http.json({ url, attempt });
	const commits = commitsSchema.safeParse(value);
	if (!commits.success) throw unavailable(attempt, "commits of another form", url);
	return commits.data;
}

/**
 * Makes a branch; one that is there already at that commit will do.
 *
 * @throws {ClipSoupError} ERR_HUB_CONFLICT if it is elsewhere
 */
export async function createBranch(connection: Connection, branch: string, commit: string): Promise<void> {
	const url = `${connection.endpoint}/api/models/${connection.id}/branch/${encodeURIComponent(branch)}`;
	await point(connection, { what: "branch", name: branch, url, body: { startingPoint: commit } }, async (conflict) => {
		const { branches } = await readRefs(connection);
		if (branches.get(branch) !== commit) throw conflict;
	});
}

/**
 * Gives a commit a tag. A tag that is there is never moved.
 *
 * @throws {ClipSoupError} ERR_HUB_CONFLICT if it names another commit
 */
export async function createTag(connection: Connection, tag: string, commit: string): Promise<void> {
	const url = `${connection.endpoint}/api/models/${connection.id}/tag/${commit}`;
	await point(connection, { what: "tag", name: tag, url, body: { tag } }, async (conflict) => {
		const { tags } = await readRefs(connection);
		if (tags.get(tag) !== commit) throw conflict;
	});
}

interface NewRef {
	readonly what: string;
	readonly name: string;
	readonly url: string;
	readonly body: Readonly<Record<string, string>>;
}

/** A conflict may be our own request, whose answer was lost: `onConflict` looks. */
async function point(
	{ http, id }: Connection,
	{ what, name, url, body }: NewRef,
	onConflict: (conflict: ClipSoupError) => Promise<void>,
): Promise<void> {
	const attempt = { verb: `create the ${what} "${name}" of`, object: `hf:${id}` };
	try {
		await http.bytes(postJson(url, attempt, body));
	} catch (error) {
		if (!isClipSoupError(error) || error.code !== "ERR_HUB_CONFLICT") throw error;
		await onConflict(error);
	}
}
