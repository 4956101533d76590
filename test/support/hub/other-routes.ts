import * as z from "zod";
import { visible } from "./reading-routes.ts";
import { json, reject } from "./reply.ts";
import type { Route } from "./state.ts";
import { parse, writable } from "./writing-routes.ts";

const exchange = z.object({
	grant_type: z.literal("urn:ietf:params:oauth:grant-type:token-exchange"),
	subject_token_type: z.literal("urn:ietf:params:oauth:token-type:id_token"),
	subject_token: z.string(),
	resource: z.string(),
});

/** Accounts, cards, discussions and pull requests. */
export const OTHER_ROUTES: readonly Route[] = [
	{
		name: "whoami",
		methods: ["GET"],
		pattern: /^\/api\/whoami-v2$/,
		handle: ({ account }) => {
			if (account === undefined) return reject(401, "Invalid username or password.");
			const { name, role, namespaces } = account;
			const orgs = namespaces
				.filter((each) => each !== name)
				.map((each) => ({ type: "org", id: each, name: each, roleInOrg: "write" }));
			const accessToken = { displayName: "test", role, createdAt: "2026-01-01T00:00:00.000Z" };
			const facts = {
				fullname: name,
				email: `${name}@example.com`,
				emailVerified: true,
				isPro: false,
				periodEnd: null,
			};
			return json({ type: "user", id: name, name, ...facts, orgs, auth: { type: "access_token", accessToken } });
		},
	},
	{
		name: "oidc",
		methods: ["POST"],
		pattern: /^\/oauth\/token$/,
		handle: ({ body }, state) => {
			const request = exchange.safeParse(parse(body));
			if (!request.success) return reject(400, "invalid_request");
			const { subject_token, resource } = request.data;
			if (state.identityTokens.get(subject_token) !== resource) return reject(400, "invalid_grant");
			const token = `hf_jwt_${Buffer.from(resource).toString("hex")}`;
			const [namespace = ""] = resource.split("/");
			state.accounts.set(token, { name: "workflow", role: "write", namespaces: [namespace], resource });
			return json({ access_token: token, token_type: "bearer", expires_in: 3600 });
		},
	},
	{
		name: "validate-yaml",
		methods: ["POST"],
		pattern: /^\/api\/validate-yaml$/,
		handle: ({ body }) => {
			const { content } = z.object({ content: z.string(), repoType: z.literal("model") }).parse(parse(body));
			const isBad = /^---\n(.*\n)*license: no-such-license\n(.*\n)*---/.test(content);
			return json({ errors: isBad ? [{ message: '"license" must be one of the known licences' }] : [], warnings: [] });
		},
	},
	{
		name: "discussions",
		methods: ["POST"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/discussions$/,
		handle: writable(
			visible(({ body }, repository) => {
				const request = z.object({
					title: z.string().min(3),
					description: z.string().default(""),
					pullRequest: z.boolean().default(false),
				});
				const { title, description, pullRequest } = request.parse(parse(body));
				const num = repository.discussions.length + 1;
				const status = pullRequest ? "draft" : "open";
				repository.discussions.push({
					num,
					title,
					description,
					isPullRequest: pullRequest,
					status,
					mergeCommitId: undefined,
				});
				if (pullRequest) repository.refs.set(`refs/pr/${num}`, repository.head);
				return json({ num, pullRequest });
			}),
		),
	},
	{
		name: "discussion",
		methods: ["GET"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/discussions\/(?<num>\d+)$/,
		handle: visible(({ parameters }, repository) => {
			const found = repository.discussions[Number(parameters.num) - 1];
			if (found === undefined) return reject(404, "Discussion not found");
			const { num, title, status, isPullRequest, mergeCommitId } = found;
			const changes = { base: "main", mergeCommitId };
			const shared = {
				author: { name: "ann" },
				createdAt: "2026-01-01T00:00:00.000Z",
				events: [],
				diff: "",
				filesWithConflicts: [],
			};
			return json({
				num,
				title,
				status,
				isPullRequest,
				...shared,
				changes,
				repo: { name: repository.id, type: "model" },
			});
		}),
	},
	{
		name: "discussion-status",
		methods: ["POST"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/discussions\/(?<num>\d+)\/status$/,
		handle: writable(
			visible(({ parameters, body }, repository) => {
				const found = repository.discussions[Number(parameters.num) - 1];
				if (found === undefined) return reject(404, "Discussion not found");
				found.status = z.object({ status: z.enum(["open", "closed"]) }).parse(parse(body)).status;
				return json({ newStatus: found.status });
			}),
		),
	},
	{
		name: "merge",
		methods: ["POST"],
		pattern: /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/discussions\/(?<num>\d+)\/merge$/,
		handle: writable(
			visible(({ parameters }, repository) => {
				const found = repository.discussions[Number(parameters.num) - 1];
				const source = repository.resolve(`refs/pr/${parameters.num}`);
				if (!found?.isPullRequest || source === undefined) return reject(404, "Pull request not found");
				if (found.status !== "open") return reject(400, `Cannot merge a pull request that is ${found.status}`);
				const changes = [...source.tree.values()].map((file) => ({ kind: "put", ...file }) as const);
				found.mergeCommitId = repository.commit("refs/heads/main", found.title, found.description, changes).id;
				found.status = "merged";
				return json({});
			}),
		),
	},
];
