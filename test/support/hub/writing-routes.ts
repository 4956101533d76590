import { randomUUID } from "node:crypto";
import * as z from "zod";
import { refuseWriting } from "./accounts.ts";
import { contentOf } from "./content.ts";
import { atRevision, visible } from "./reading-routes.ts";
import { json, type Reply, reject } from "./reply.ts";
import { belongsToLfs, type Change, type Commit, TestRepository } from "./repository.ts";
import type { Call, HubState, Route } from "./state.ts";

const sha1 = z.string().regex(/^[0-9a-f]{40}$/);
const creation = z.object({
	name: z.string(),
	organization: z.string().nullish(),
	visibility: z.enum(["public", "private", "protected"]).optional(),
	private: z.boolean().optional(),
});
const preupload = z.object({ files: z.array(z.object({ path: z.string(), size: z.number(), sample: z.string() })) });
const batch = z.object({
	operation: z.string(),
	transfers: z.array(z.string()).optional(),
	objects: z.array(z.object({ oid: z.string(), size: z.number() })),
});
const line = z.discriminatedUnion("key", [
	z.object({
		key: z.literal("header"),
		value: z.object({ summary: z.string(), description: z.string().optional(), parentCommit: sha1.optional() }),
	}),
	z.object({
		key: z.literal("file"),
		value: z.object({ path: z.string(), content: z.string(), encoding: z.literal("base64") }),
	}),
	z.object({
		key: z.literal("lfsFile"),
		value: z.object({ path: z.string(), algo: z.literal("sha256"), oid: z.string(), size: z.number().optional() }),
	}),
	z.object({ key: z.literal("deletedFile"), value: z.object({ path: z.string() }) }),
	z.object({ key: z.literal("deletedFolder"), value: z.object({ path: z.string() }) }),
]);
type Line = z.infer<typeof line>;

/** Creation, the three steps of an upload, branches and tags. */
export const WRITING_ROUTES: readonly Route[] = [
	{
		name: "create",
		methods: ["POST"],
		pattern: /^\/api\/repos\/create$/,
		handle: ({ body, account }, state) => {
			const { name, organization, visibility, private: isHidden } = creation.parse(parse(body));
			const id = `${organization ?? account?.name}/${name}`;
			const refusal = refuseWriting(id, account);
			if (refusal) return refusal;
			const url = `${state.hubUrl}/${id}`;
			if (state.repositories.has(id)) {
				return { ...json({ error: "You already created this model repo", url }), status: 409 };
			}
			state.repositories.set(id, new TestRepository(id, { isPrivate: visibility === "private" || isHidden === true }));
			return json({ url, name: id, id });
		},
	},
	{
		name: "preupload",
		methods: ["POST"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/preupload\/(?<revision>[^/]+)$/,
		handle: writable(
			atRevision(({ body }, _repository, { tree, id }) => {
				const files = preupload.parse(parse(body)).files.map(({ path, size }) => {
					const known = tree.get(path);
					const oid = known && (known.isLfs ? known.content.sha256 : known.oid);
					return {
						path,
						uploadMode: belongsToLfs(path, size) ? "lfs" : "regular",
						shouldIgnore: false,
						...(oid && { oid }),
					};
				});
				return json({ commitOid: id, files });
			}),
		),
	},
	{
		name: "lfs-batch",
		methods: ["POST"],
		pattern: /^\/(?<id>[^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/,
		handle: writable(visible(({ body }, _repository, state) => lfsBatch(batch.parse(parse(body)).objects, state))),
	},
	{
		name: "lfs-verify",
		methods: ["POST"],
		pattern: /^\/(?<id>[^/]+\/[^/]+)\.git\/info\/lfs\/objects\/verify$/,
		handle: ({ body }, { objects }) => {
			const { oid, size } = z.object({ oid: z.string(), size: z.number() }).parse(parse(body));
			return objects.get(oid)?.byteLength === size ? json({}) : reject(404, "Object not found");
		},
	},
	{
		name: "commit",
		methods: ["POST"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/commit\/(?<revision>[^/]+)$/,
		handle: writable(atRevision(commit)),
	},
	{
		name: "branch",
		methods: ["POST", "DELETE"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/branch\/(?<name>[^/]+)$/,
		handle: writable(
			visible(({ method, body, parameters }, repository) => {
				const { startingPoint } = z
					.object({ startingPoint: z.string().optional() })
					.parse(method === "POST" ? parse(body) : {});
				return point(repository, `refs/heads/${parameters.name}`, method, repository.resolve(startingPoint ?? "main"));
			}),
		),
	},
	{
		name: "tag",
		methods: ["POST", "DELETE"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/tag\/(?<revision>[^/]+)$/,
		handle: writable(
			visible(({ method, body, parameters: { revision = "" } }, repository) => {
				const tag = method === "POST" ? z.object({ tag: z.string() }).parse(parse(body)).tag : revision;
				return point(repository, `refs/tags/${tag}`, method, repository.resolve(revision));
			}),
		),
	},
];

/** Lets requests through whose token may write to the repository. */
export function writable(handle: Route["handle"]): Route["handle"] {
	return (call, state) => refuseWriting(call.parameters.id ?? "", call.account) ?? handle(call, state);
}

export function parse(body: Buffer): unknown {
	return JSON.parse(body.toString("utf8"));
}

/** Makes or removes a branch or tag. */
function point({ refs }: TestRepository, ref: string, method: string, target: Commit | undefined): Reply {
	if (method === "DELETE") return refs.delete(ref) ? json({}) : reject(404, `Reference not found: ${ref}`);
	if (refs.has(ref)) return reject(409, `Reference already exists: ${ref}`);
	if (target === undefined) return reject(404, "Invalid rev id", "RevisionNotFound");
	refs.set(ref, target.id);
	return json({});
}

function lfsBatch(objects: readonly { readonly oid: string; readonly size: number }[], state: HubState): Reply {
	const isMultipart = objects.some(({ size }) => size > state.partByteLength);
	const answers = objects.map(({ oid, size }) => {
		// No actions: the server holds the object.
		if (state.objects.has(oid)) return { oid, size };
		if (size === 0) return { oid, size, error: { code: 501, message: "Empty objects are not supported" } };
		const grant = { oid, byteLength: size } as const;
		if (!isMultipart) {
			return {
				oid,
				size,
				authenticated: true,
				actions: { upload: { href: state.presign(`/objects/${oid}`, { ...grant, method: "PUT" }) } },
			};
		}
		const upload = randomUUID().replaceAll("-", "");
		const parts = Array.from({ length: Math.ceil(size / state.partByteLength) }, (_, index): [string, string] => {
			const part = { upload, number: index + 1 };
			const url = state.presign(`/parts/${upload}/${index + 1}`, { ...grant, method: "PUT", part });
			return [String(index + 1).padStart(5, "0"), url];
		});
		const href = state.presign(`/complete/${upload}`, { ...grant, method: "POST" });
		const header = { chunk_size: String(state.partByteLength), ...Object.fromEntries(parts) };
		return { oid, size, authenticated: true, actions: { upload: { href, header } } };
	});
	return json(
		{ transfer: isMultipart ? "multipart" : "basic", objects: answers },
		{ "content-type": "application/vnd.git-lfs+json" },
	);
}

function commit({ body, url, parameters }: Call, repository: TestRepository, parent: Commit, state: HubState): Reply {
	const lines = body
		.toString("utf8")
		.split("\n")
		.filter(Boolean)
		.map((text) => line.parse(JSON.parse(text)));
	const header = lines.find((each) => each.key === "header")?.value;
	if (header === undefined || header.summary.trim() === "") return reject(400, "Commit summary cannot be empty");
	const isPull = url.searchParams.get("create_pr") === "1";
	const ref = isPull ? undefined : repository.branchOf(parameters.revision ?? "");
	if (!isPull && ref === undefined) return reject(404, "Invalid rev id", "RevisionNotFound");
	if (header.parentCommit !== undefined && header.parentCommit !== parent.id) {
		return reject(412, "A commit has happened since. Please refresh and try again.");
	}
	const changes: Change[] = [];
	for (const each of lines) {
		const change = changeOf(each, state);
		if (change === "absent") {
			return reject(400, "Your push was rejected because an LFS pointer pointed to a file that does not exist.");
		}
		if (change !== undefined) changes.push(change);
	}
	const num = repository.discussions.length + 1;
	if (isPull) {
		repository.refs.set(`refs/pr/${num}`, parent.id);
		const text = { title: header.summary, description: header.description ?? "" };
		repository.discussions.push({ num, ...text, isPullRequest: true, status: "open", mergeCommitId: undefined });
	}
	const { id } = repository.commit(ref ?? `refs/pr/${num}`, header.summary, header.description ?? "", changes);
	const pull = isPull && { pullRequestUrl: `${state.hubUrl}/${repository.id}/discussions/${num}` };
	const commitUrl = `${state.hubUrl}/${repository.id}/commit/${id}`;
	return json({ success: true, commitOid: id, commitUrl, hookOutput: "", ...pull });
}

/** What a line does; `absent` if it points to an object that storage does not hold. */
function changeOf({ key, value }: Line, { objects }: HubState): Change | "absent" | undefined {
	switch (key) {
		case "header":
			return undefined;
		case "file":
			return { kind: "put", path: value.path, content: contentOf(Buffer.from(value.content, "base64")), isLfs: false };
		case "lfsFile": {
			const content = objects.get(value.oid);
			return content === undefined ? "absent" : { kind: "put", path: value.path, content, isLfs: true };
		}
		case "deletedFile":
		case "deletedFolder":
			return { kind: "remove", path: value.path };
	}
}
