import * as z from "zod";
import { isClipSoupError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { unavailable } from "./failure.ts";
import { postJson } from "./http.ts";
import { readRefs } from "./refs.ts";

/** A pull request that can be committed to. */
export interface PullRequest {
	readonly number: number;
	/** `refs/pr/N` */
	readonly branch: string;
	readonly url: string;
	/** Whether its reviewers have not been told of it yet. */
	readonly isDraft: boolean;
}

/** Pull requests of one title. */
export interface FoundPullRequests {
	/** The newest that is neither closed nor merged. */
	readonly open: PullRequest | undefined;
	/** Numbers of newer ones that were closed. */
	readonly closed: readonly number[];
}

const createdSchema = z.object({ num: z.number().int().positive() });
const titleSchema = z.object({ title: z.string(), status: z.string(), isPullRequest: z.boolean() });

/** Pull requests that are looked through for one of ours, newest first. */
const MOST_LOOKED_AT = 20;

/**
 * Opens a pull request as a draft. It is made apart from the commit because a commit that makes one, sent again after
 * a lost answer, would make a second one.
 *
 * A request without an answer is not sent again before a look at whether it was carried out.
 * @throws {ClipSoupError} ERR_HUB_FORBIDDEN, ERR_HUB_UNAVAILABLE …
 */
export function openPullRequest(connection: Connection, title: string, description: string): Promise<PullRequest> {
	const { http, endpoint, id } = connection;
	const attempt = { verb: "open a pull request to", object: `hf:${id}` };
	const url = `${endpoint}/api/models/${id}/discussions`;
	const request = postJson(url, attempt, { title, description, pullRequest: true });
	return http.again(async (number) => {
		const found = number === 1 ? undefined : (await findPullRequests(connection, title)).open;
		if (found !== undefined) return found;
		const { value } = await http.json(request, { isOnce: true });
		const created = createdSchema.safeParse(value);
		if (!created.success) throw unavailable(attempt, "an answer without a number", request.url);
		return pullRequestAt(connection, created.data.num, true);
	}, isUnavailable);
}

/** Looks for pull requests of that title among the newest of the repository. */
export async function findPullRequests(connection: Connection, title: string): Promise<FoundPullRequests> {
	const { http, endpoint, id } = connection;
	const { pullRequests } = await readRefs(connection);
	const numbers = [...pullRequests.keys()].map((ref) => Number(ref.replace("refs/pr/", "")));
	const closed: number[] = [];
	for (const number of numbers.toSorted((a, b) => b - a).slice(0, MOST_LOOKED_AT)) {
		const attempt = { verb: "read a pull request of", object: `hf:${id}` };
		const { value } = await http.json({ url: `${endpoint}/api/models/${id}/discussions/${number}`, attempt });
		const found = titleSchema.safeParse(value).data;
		if (found?.title !== title || !found.isPullRequest) continue;
		const { status } = found;
		if (status === "draft" || status === "open") {
			return { open: pullRequestAt(connection, number, status === "draft"), closed };
		}
		if (status === "closed") closed.push(number);
	}
	return { open: undefined, closed };
}

/** Makes a draft an open pull request, which its reviewers are told of. */
export function showPullRequest(connection: Connection, { number }: PullRequest): Promise<void> {
	return setStatus(connection, number, "open");
}

export function closePullRequest(connection: Connection, { number }: PullRequest): Promise<void> {
	return setStatus(connection, number, "closed");
}

async function setStatus({ http, endpoint, id }: Connection, number: number, status: "open" | "closed"): Promise<void> {
	const verb = status === "open" ? "open" : "close";
	const attempt = { verb: `${verb} pull request ${number} of`, object: `hf:${id}` };
	await http.bytes(postJson(`${endpoint}/api/models/${id}/discussions/${number}/status`, attempt, { status }));
}

/** Whether a failure leaves open if the Hub did what it was asked for. */
export function isUnavailable(error: unknown): boolean {
	return isClipSoupError(error) && error.code === "ERR_HUB_UNAVAILABLE";
}

function pullRequestAt({ endpoint, id }: Connection, number: number, isDraft: boolean): PullRequest {
	return { number, branch: `refs/pr/${number}`, url: `${endpoint}/${id}/discussions/${number}`, isDraft };
}
