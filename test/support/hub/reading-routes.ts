import { refuseGated, refuseReading } from "./accounts.ts";
import { pointerText } from "./content.ts";
import { json, type Reply, ranged, reject } from "./reply.ts";
import type { Commit, TestRepository, TreeFile } from "./repository.ts";
import type { Call, HubState, Route } from "./state.ts";

const PAGE_LENGTH = 1000;

/** Metadata, listings and downloads. */
export const READING_ROUTES: readonly Route[] = [
	{
		name: "info",
		methods: ["GET"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)$/,
		handle: visible((_call, repository) => infoOf(repository, repository.resolve("main"))),
	},
	{
		name: "revision",
		methods: ["GET"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/revision\/(?<revision>.+)$/,
		handle: atRevision((_call, repository, commit) => infoOf(repository, commit)),
	},
	{
		name: "tree",
		methods: ["GET"],
		// JS does not encode the revision here, so that refs/pr/1 arrives as three segments.
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/tree\/(?<revision>refs\/pr\/\d+|[^/]+)(?:\/(?<path>.+))?$/,
		handle: atRevision(treePage),
	},
	{
		name: "paths-info",
		methods: ["POST"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/paths-info\/(?<revision>[^/]+)$/,
		handle: atRevision(({ headers, body }, _repository, { tree }) => {
			const text = body.toString("utf8");
			const isForm = headers["content-type"]?.includes("form-urlencoded") ?? false;
			const paths: unknown = isForm ? new URLSearchParams(text).getAll("paths") : JSON.parse(text).paths;
			const wanted = Array.isArray(paths) ? paths : [paths];
			return json(wanted.flatMap((path) => tree.get(String(path)) ?? []).map(entryOf));
		}),
	},
	{
		name: "refs",
		methods: ["GET"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/refs$/,
		handle: visible(({ url }, { refs }) => {
			const under = (prefix: string) =>
				[...refs]
					.filter(([ref]) => ref.startsWith(prefix))
					.map(([ref, targetCommit]) => ({ name: ref.slice(prefix.length), ref, targetCommit }));
			const withPulls = url.searchParams.get("include_prs") === "1" && { pullRequests: under("refs/pr/") };
			return json({ branches: under("refs/heads/"), converts: [], tags: under("refs/tags/"), ...withPulls });
		}),
	},
	{
		name: "commits",
		methods: ["GET"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/commits\/(?<revision>[^/]+)$/,
		handle: atRevision((_call, { commits }, head) => {
			const line: Commit[] = [];
			for (let at: Commit | undefined = head; at; at = commits.get(at.parent ?? "")) line.push(at);
			const list = line.map(({ id, title, message, date }) => ({
				id,
				title,
				message,
				date,
				authors: [{ user: "ann" }],
			}));
			return json(list, { "x-total-count": String(list.length) });
		}),
	},
	{
		name: "resolve",
		methods: ["GET", "HEAD"],
		pattern: /^\/(?<id>[^/]+\/[^/]+)\/resolve\/(?<revision>[^/]+)\/(?<path>.+)$/,
		handle: atRevision(resolveFile),
	},
	{
		name: "raw",
		methods: ["GET"],
		pattern: /^\/(?<id>[^/]+\/[^/]+)\/raw\/(?<revision>[^/]+)\/(?<path>.+)$/,
		handle: atRevision(async ({ account, parameters }, repository, commit) => {
			const file = commit.tree.get(parameters.path ?? "");
			const refusal = refuseGated(repository, account);
			if (refusal || file === undefined) return refusal ?? noEntry(commit);
			const bytes = file.isLfs
				? Buffer.from(pointerText(file.content))
				: await file.content.read(0, file.content.byteLength);
			return { status: 200, headers: { "x-repo-commit": commit.id, "content-type": "text/plain" }, body: bytes };
		}),
	},
];

/** Runs with the repository, if the sender may see it. */
export function visible(
	handle: (call: Call, repository: TestRepository, state: HubState) => Reply | Promise<Reply>,
): Route["handle"] {
	return (call, state) => {
		const repository = state.repositories.get(call.parameters.id ?? "");
		const refusal = refuseReading(repository, call.account);
		if (refusal || repository === undefined) return refusal ?? reject(404, "Repository not found", "RepoNotFound");
		return handle(call, repository, state);
	};
}

export function atRevision(
	handle: (call: Call, repository: TestRepository, commit: Commit, state: HubState) => Reply | Promise<Reply>,
): Route["handle"] {
	return visible((call, repository, state) => {
		const commit = repository.resolve(call.parameters.revision ?? "");
		if (commit === undefined) return reject(404, `Invalid rev id: ${call.parameters.revision}`, "RevisionNotFound");
		return handle(call, repository, commit, state);
	});
}

function infoOf(repository: TestRepository, commit: Commit | undefined): Reply {
	const siblings = [...(commit?.tree.values() ?? [])].map(({ path }) => ({ rfilename: path }));
	const { id, isPrivate, gated } = repository;
	const dates = { lastModified: commit?.date, createdAt: commit?.date };
	const counts = { downloads: 0, likes: 0, tags: [] };
	return json({
		_id: id,
		id,
		modelId: id,
		sha: commit?.id,
		private: isPrivate,
		gated,
		disabled: false,
		siblings,
		...counts,
		...dates,
	});
}

function treePage(
	{ url, parameters }: Call,
	{ id }: TestRepository,
	{ tree, id: sha }: Commit,
	{ hubUrl }: HubState,
): Reply {
	const folder = parameters.path === undefined ? "" : `${parameters.path}/`;
	const isRecursive = url.searchParams.get("recursive") === "true";
	const below = [...tree.values()].filter(({ path }) => path.startsWith(folder));
	if (folder !== "" && below.length === 0) return noEntry({ id: sha });
	const entries = below.filter(({ path }) => isRecursive || !path.slice(folder.length).includes("/"));
	const folders = new Set(below.flatMap(({ path }) => foldersOf(path, folder, isRecursive)));
	const all = [
		...[...folders].map((path) => ({ type: "directory", path, oid: "0".repeat(40), size: 0 })),
		...entries.map(entryOf),
	];
	const first = Number(url.searchParams.get("cursor") ?? 0);
	const limit = Math.min(Number(url.searchParams.get("limit") ?? PAGE_LENGTH), PAGE_LENGTH);
	const next = new URL(
		`${hubUrl}/api/models/${id}/tree/${sha}${parameters.path ? `/${parameters.path}` : ""}${url.search}`,
	);
	next.searchParams.set("cursor", String(first + limit));
	return json(
		all.slice(first, first + limit),
		first + limit < all.length ? { link: `<${next.href}>; rel="next"` } : {},
	);
}

function foldersOf(path: string, folder: string, isRecursive: boolean): string[] {
	const parts = path.slice(folder.length).split("/").slice(0, -1);
	const all = parts.map((_, depth) => folder + parts.slice(0, depth + 1).join("/"));
	return isRecursive ? all : all.slice(0, 1);
}

function entryOf({ path, oid, content, isLfs }: TreeFile) {
	const lfs = { oid: content.sha256, size: content.byteLength, pointerSize: pointerText(content).length };
	return { type: "file", oid, size: content.byteLength, path, ...(isLfs && { lfs }) };
}

function resolveFile(
	{ account, headers, method, parameters }: Call,
	repository: TestRepository,
	commit: Commit,
	state: HubState,
): Reply {
	const refusal = refuseGated(repository, account);
	if (refusal) return refusal;
	const file = commit.tree.get(parameters.path ?? "");
	if (file === undefined) return noEntry(commit);
	const known = { "x-repo-commit": commit.id, "cache-control": "no-store" };
	if (!file.isLfs) return ranged(file.content, headers.range, { ...known, etag: `"${file.oid}"` });
	const { sha256, byteLength } = file.content;
	state.objects.set(sha256, state.objects.get(sha256) ?? file.content);
	const location = state.presign(`/objects/${sha256}`, { method: "GET", oid: sha256, byteLength });
	const linked = { etag: `"${sha256}"`, "x-linked-etag": `"${sha256}"`, "x-linked-size": String(byteLength) };
	return {
		status: 302,
		headers: { ...known, ...linked, location },
		body: Buffer.from(method === "HEAD" ? "" : "Found."),
	};
}

function noEntry({ id }: Pick<Commit, "id">): Reply {
	return reject(404, "Entry not found", "EntryNotFound", { "x-repo-commit": id });
}
