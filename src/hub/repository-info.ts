import * as z from "zod";
import { isClipSoupError } from "../errors.ts";
import { isCommit } from "./cache.ts";
import type { Connection } from "./connection.ts";
import { unavailable } from "./failure.ts";
import { postJson } from "./http.ts";

const infoSchema = z.object({ sha: z.string().refine(isCommit), private: z.boolean() });

/** A repository as far as publishing has to know it. */
export interface RepositoryInfo {
	/** Head of the default branch. */
	readonly head: string;
	readonly isPrivate: boolean;
}

/**
 * Whether there is a repository of that name that we may see, and how it stands.
 *
 * @throws {ClipSoupError} ERR_HUB_AUTH: without a token, one that is private and one that is missing look the same
 */
export async function repositoryInfo({ http, endpoint, id }: Connection): Promise<RepositoryInfo | undefined> {
	const attempt = { verb: "read", object: `hf:${id}` };
	const url = `${endpoint}/api/models/${id}/revision/HEAD`;
	try {
		const { value } = await http.json({ url, attempt });
		const info = infoSchema.safeParse(value);
		if (!info.success) throw unavailable(attempt, "an answer without a commit", url);
		return { head: info.data.sha, isPrivate: info.data.private };
	} catch (error) {
		if (isClipSoupError(error) && error.details.hubCode === "RepoNotFound" && error.code === "ERR_HUB_NOT_FOUND") {
			return undefined;
		}
		throw error;
	}
}

/** Makes a model repository; one that is there already will do. */
export async function createRepository({ http, endpoint, id }: Connection, isPrivate: boolean): Promise<void> {
	const [organization, name] = id.split("/");
	const visibility = isPrivate ? "private" : "public";
	const attempt = { verb: "create", object: `hf:${id}` };
	const url = `${endpoint}/api/repos/create`;
	const request = postJson(url, attempt, { name, organization, type: "model", visibility });
	await http.bytes(request).catch((error: unknown) => {
		if (!isClipSoupError(error) || error.code !== "ERR_HUB_CONFLICT") throw error;
	});
}
