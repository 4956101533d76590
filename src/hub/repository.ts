import * as z from "zod";
import type { Attempt } from "./failure.ts";
import { integrityError, unavailable } from "./failure.ts";
import { type HubHttp, postJson } from "./http.ts";
import { formatHubReference } from "./reference.ts";

/** A file of a commit, as the Hub lists it. */
export interface HubFile {
	/** From the root of the repository. */
	readonly path: string;
	readonly byteLength: number;
	/** Git's SHA-1: of a regular file over its bytes, of an LFS file over its pointer. */
	readonly gitOid: string;
	/** SHA-256 of an LFS file's bytes; undefined of a regular file. */
	readonly sha256: string | undefined;
}

/** A repository at one commit. */
export interface RepositoryAt {
	readonly id: string;
	/** 40 hex digits. */
	readonly commit: string;
}

const infoSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const treeSchema = z.array(
	z.object({
		type: z.string(),
		path: z.string(),
		oid: z.string(),
		size: z.number().int().nonnegative(),
		lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number() }).optional(),
	}),
);

/**
 * The commit that a revision names now, with one request. Everything after it names the commit, so that a push while
 * the files are read changes nothing.
 *
 * @throws {ClipSoupError} ERR_HUB_AUTH, ERR_HUB_FORBIDDEN, ERR_HUB_NOT_FOUND, ERR_HUB_UNAVAILABLE
 */
export async function resolveCommit(http: HubHttp, endpoint: string, id: string, revision = "HEAD"): Promise<string> {
	const attempt = reading(id, revision === "HEAD" ? undefined : revision);
	const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}`;
	const { value } = await http.json({ url, attempt });
	const info = infoSchema.safeParse(value);
	if (!info.success) throw unavailable(attempt, "an answer without a commit", url);
	return info.data.sha;
}

/** All files of a commit: one request for each thousand. @throws {ClipSoupError} as `resolveCommit` */
export async function listFiles(http: HubHttp, endpoint: string, { id, commit }: RepositoryAt): Promise<HubFile[]> {
	const attempt = reading(id, commit);
	const files: HubFile[] = [];
	const first = `${endpoint}/api/models/${id}/tree/${commit}?recursive=true&expand=false`;
	for (let url: string | undefined = first; url !== undefined; ) {
		const { value, headers } = await http.json({ url, attempt });
		const page = treeSchema.safeParse(value);
		if (!page.success) throw unavailable(attempt, "a listing of another form", url);
		files.push(...filesOf(page.data));
		url = nextPage(headers.get("link"), endpoint, attempt);
	}
	return files;
}

/** What a commit has under some paths, with one request; what is not there is left out. */
export async function pathsInfo(
	http: HubHttp,
	endpoint: string,
	{ id, commit }: RepositoryAt,
	paths: readonly string[],
): Promise<HubFile[]> {
	const attempt = reading(id, commit);
	const url = `${endpoint}/api/models/${id}/paths-info/${commit}`;
	const { value } = await http.json(postJson(url, attempt, { paths, expand: false }));
	const entries = treeSchema.safeParse(value);
	if (!entries.success) throw unavailable(attempt, "a listing of another form", url);
	return filesOf(entries.data);
}

function filesOf(entries: z.infer<typeof treeSchema>): HubFile[] {
	return entries.flatMap(({ type, path, oid, size, lfs }) =>
		type === "file" ? [{ path, byteLength: lfs?.size ?? size, gitOid: oid, sha256: lfs?.oid }] : [],
	);
}

/** Where the bytes of a file are found. */
export function resolveUrl(endpoint: string, { id, commit }: RepositoryAt, path: string): string {
	return `${endpoint}/${id}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Where the text is found that git holds: of an LFS file its pointer. */
export function rawUrl(endpoint: string, { id, commit }: RepositoryAt, path: string): string {
	return `${endpoint}/${id}/raw/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

function reading(id: string, revision: string | undefined): Attempt {
	return { verb: "read", object: formatHubReference({ id, revision, path: undefined }) };
}

/** A listing goes on at the Hub itself or not at all. */
function nextPage(link: string | null, endpoint: string, attempt: Attempt): string | undefined {
	const [, next] = /<([^>]+)>;\s*rel="next"/.exec(link ?? "") ?? [];
	if (next === undefined) return undefined;
	const { origin } = new URL(endpoint);
	if (!URL.canParse(next, endpoint) || new URL(next, endpoint).origin !== origin) {
		throw integrityError(attempt, "a listing that goes on elsewhere", `its next page at ${origin}`);
	}
	return new URL(next, endpoint).href;
}
