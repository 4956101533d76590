import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { publish } from "../../src/publish.ts";
import { READER, WRITER } from "../support/hub/accounts.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import type { Effect } from "../support/hub/faults.ts";
import { commitsOf, optionsFor, publishTo, REPO, soupFolder, treeOf, writesIn } from "./publishing.ts";

let double: HubDouble;
let folder: string;

beforeEach(async () => {
	double = await startHub();
	folder = await soupFolder();
});

function existing(): void {
	double.repository(REPO, { isPrivate: true }).add({ "old.txt": "old" });
}

function status(code: number, headers?: Readonly<Record<string, string>>): Effect {
	return { kind: "status", status: code, ...(headers && { headers }) };
}

describe("a publish", () => {
	test("makes a repository, commits, verifies and tags", async () => {
		const { receipt, plan } = await publishTo(double, folder, { create: true, tag: "v1" });
		const repository = double.repositories.get(REPO);
		expect(repository?.isPrivate).toBe(true);
		expect(receipt).toMatchObject({ commit: repository?.head, branch: "main", tag: "v1", pullRequest: null });
		expect(repository?.refs.get("refs/tags/v1")).toBe(repository?.head);
		expect(treeOf(double)).toEqual(Object.fromEntries(plan.files.map(({ path, sha256 }) => [path, sha256])));
		expect(receipt?.verified).toMatchObject({ depth: "sample:16", files: plan.files.length, seed: 1 });
		expect(receipt?.verified?.tensors).toHaveLength(16);
		const written = JSON.parse(readFileSync(join(dirname(folder), "soup.receipt.json"), "utf8"));
		expect(written).toEqual(receipt);
	});

	test("opens a pull request after the upload, commits to it, and shows it once it is verified", async () => {
		existing();
		const { receipt } = await publishTo(double, folder);
		const repository = double.repositories.get(REPO);
		expect(receipt).toMatchObject({ branch: "refs/pr/1", pullRequest: { number: 1 } });
		expect(Object.keys(treeOf(double))).toEqual(["old.txt"]);
		expect(Object.keys(treeOf(double, "refs/pr/1"))).toContain("open_clip_model.safetensors");
		expect(repository?.discussions).toMatchObject([{ status: "open", isPullRequest: true }]);
		const routes = double.requests.map(({ route }) => route);
		const order = ["storage-put", "discussions", "commit", "storage-get", "discussion-status"];
		const places = order.map((route) => routes.indexOf(route));
		expect(places).toEqual(places.toSorted((a, b) => a - b));
		expect(places).not.toContain(-1);
		expect(commitsOf(double)).toBe(2);
	});

	test("commits to a new branch, with --prune removes what is there only, and keeps git's files", async () => {
		double.repository(REPO, { isPrivate: true }).add({ "old.bin": "old", ".gitattributes": "*.bin" });
		const { plan } = await publishTo(double, folder, { branch: "next", prune: true });
		expect(plan.files.filter(({ action }) => action === "delete").map(({ path }) => path)).toEqual(["old.bin"]);
		expect(Object.keys(treeOf(double, "next"))).not.toContain("old.bin");
		expect(Object.keys(treeOf(double, "next"))).toContain(".gitattributes");
		expect(Object.keys(treeOf(double))).toEqual(["old.bin", ".gitattributes"]);
	});

	test("of what is there already commits nothing, and still verifies and tags", async () => {
		await publishTo(double, folder, { create: true });
		double.requests.length = 0;
		const { receipt } = await publishTo(double, folder, { tag: "v1", push: true });
		expect(writesIn(double).map(({ route }) => route)).toEqual(["tag"]);
		expect(receipt).toMatchObject({ branch: null, commit: double.repositories.get(REPO)?.head, tag: "v1" });
	});

	test("of what is there already to a branch that is not makes the branch", async () => {
		await publishTo(double, folder, { create: true });
		double.requests.length = 0;
		const { receipt } = await publishTo(double, folder, { branch: "dev", tag: "v1" });
		const { refs, head } = double.repositories.get(REPO) ?? {};
		expect(writesIn(double).map(({ route }) => route)).toEqual(["branch", "tag"]);
		expect(refs?.get("refs/heads/dev")).toBe(head);
		expect(receipt).toMatchObject({ branch: "dev", commit: head });
	});

	test("keeps the author's text of the card on the Hub", async () => {
		const card = "---\nlicense: mit\n---\n\nBy the author.\n";
		double.repository(REPO, { isPrivate: true }).add({ "README.md": card });
		await publishTo(double, folder, { push: true });
		const { content } = double.repositories.get(REPO)?.resolve("main")?.tree.get("README.md") ?? {};
		expect((await content?.read(0, content.byteLength))?.toString()).toContain("By the author.");
	});

	test("sends large files in parts", async () => {
		double.partByteLength = 500_000;
		double.faults.add({ route: "storage-part", nth: 2, effect: status(503) });
		double.faults.add({ route: "storage-complete", effect: status(500) });
		await publishTo(double, folder, { create: true });
		expect(double.requests.filter(({ route, status: code }) => route === "storage-part" && code === 200)).toHaveLength(
			4,
		);
		expect(commitsOf(double)).toBe(1);
	});

	test("tells how many bytes went out", async () => {
		const seen: number[] = [];
		const onProgress = vi.fn(({ phase, bytesDone }) => {
			if (phase === "upload") seen.push(bytesDone);
		});
		await publish(folder, optionsFor(double, { create: true }), { onProgress });
		expect(seen.at(-1)).toBeGreaterThan(1_810_988);
		expect(seen[0]).toBeLessThan(1_810_988);
	});
});

describe("a success with an answer of another form", () => {
	const badLink = JSON.stringify({ objects: [{ oid: "0", size: 1, actions: { upload: {} } }] });
	const noMode = JSON.stringify({ files: [{ path: "open_clip_model.safetensors" }] });

	test.each([
		["preupload", ["<html>", '{"files":[null]}', noMode, '{"files":[]}']],
		["lfs-batch", ["<html>", '{"objects":[null]}', badLink, '{"objects":[]}']],
		["commit", ["<html>", "{}"]],
		["discussions", ["<html>", "{}"]],
	])("of %s is as good as none", async (route, bodies) => {
		existing();
		bodies.forEach((body, index) => {
			double.faults.add({ route, nth: index + 1, effect: { kind: "other-answer", body } });
		});
		const { receipt } = await publishTo(double, folder);
		expect(receipt?.commit).toBe(double.repositories.get(REPO)?.refs.get("refs/pr/1"));
		expect(commitsOf(double)).toBe(2);
		expect(double.repositories.get(REPO)?.discussions).toHaveLength(1);
		expect(double.requests.map((request) => request.route)).toContain("storage-put");
	});

	test.each(["preupload", "lfs-batch"])("of %s that stays ends with 6", async (route) => {
		double.faults.add({ route, times: 99, effect: { kind: "other-answer", body: "{}" } });
		await expect(publishTo(double, folder, { create: true })).rejects.toMatchObject({
			code: "ERR_HUB_UNAVAILABLE",
			exitCode: 6,
			message: expect.stringContaining("a success with an answer of another form"),
		});
		expect(commitsOf(double)).toBe(0);
	});
});

/** Routes that a publish asks for, by what it is asked to do. */
const EVERY = [
	"whoami",
	"revision",
	"refs",
	"tree",
	"validate-yaml",
	"preupload",
	"lfs-batch",
	"storage-put",
	"commit",
];
const AFTER = ["paths-info", "raw", "resolve", "storage-get"];
const KINDS = [
	["a pull request", {}, [...EVERY, ...AFTER, "discussions", "discussion-status"]],
	["a push with a tag", { push: true, tag: "v1" }, [...EVERY, ...AFTER, "tag"]],
	["a new branch", { branch: "next" }, [...EVERY, ...AFTER, "branch"]],
	["a new repository", { create: true }, ["create", "preupload", "lfs-batch", "storage-put", "commit", ...AFTER]],
] as const;

const FAILURES: readonly (readonly [string, Effect])[] = [
	["429", status(429, { "retry-after": "0" })],
	["500", status(500)],
	["502", status(502)],
	["503", status(503)],
	["504", status(504)],
	["a reset", { kind: "reset" }],
	["a timeout", { kind: "silence" }],
	["a lost answer", { kind: "lose-answer" }],
];

/** Every failure where most routes are asked for; elsewhere one of each sort: an answer, a cut, a loss. */
const CASES = KINDS.flatMap(([kind, options, routes], index) =>
	FAILURES.filter(([name]) => index === 0 || ["503", "a reset", "a lost answer"].includes(name)).map(
		([name, effect]) => [kind, name, { options, routes, effect }] as const,
	),
);

describe("if each route fails once", () => {
	test.each(CASES)("%s comes about, with one commit: %s", async (_, __, { options, routes, effect }) => {
		if (!("create" in options)) existing();
		double.faults.add(...routes.map((route) => ({ route, effect })));
		const { receipt } = await publishTo(double, folder, {
			...options,
			verifyRemote: { kind: "header" },
			...(effect.kind === "silence" && { hub: { idleTimeoutMs: 100, slowTimeoutMs: 100, retry: { retries: 20 } } }),
		});
		const { commits = new Map(), discussions, refs } = double.repositories.get(REPO) ?? {};
		const own = [...commits.values()].filter(({ title }) => title.startsWith("Publish"));
		expect(own.map(({ id }) => id)).toEqual([receipt?.commit]);
		expect(discussions?.length).toBe(receipt?.pullRequest ? 1 : 0);
		if ("tag" in options) expect(refs?.get("refs/tags/v1")).toBe(receipt?.commit);
		const met = double.requests.filter((request) => request.effect !== undefined).map(({ route }) => route);
		expect(met.sort()).toEqual([...routes].sort());
	});
});

describe("what no other try will mend ends it at once, and nothing is committed", () => {
	test.each([
		["preupload", 401, 5],
		["preupload", 403, 5],
		["preupload", 404, 6],
		["lfs-batch", 413, 6],
		["lfs-batch", 507, 6],
		["storage-put", 413, 6],
		["storage-put", 400, 6],
		["discussions", 403, 5],
		["commit", 400, 6],
		["commit", 403, 5],
		["commit", 413, 6],
	] as const)("%s with %d: exit status %d", async (route, code, exitCode) => {
		existing();
		double.faults.add({ route, times: 9, effect: status(code) });
		await expect(publishTo(double, folder, { tag: "v1" })).rejects.toMatchObject({ exitCode });
		expect(double.requests.filter(({ route: met }) => met === route)).toHaveLength(1);
		expect(commitsOf(double)).toBe(1);
		expect(double.repositories.get(REPO)?.refs.has("refs/tags/v1")).toBe(false);
	});

	test("storage that is used up is told as such", async () => {
		existing();
		double.faults.add({
			route: "lfs-batch",
			effect: status(403, { "x-error-message": "Private repository storage limit reached" }),
		});
		await expect(publishTo(double, folder)).rejects.toMatchObject({
			code: "ERR_HUB_REJECTED",
			exitCode: 6,
			fix: "free storage at the Hub, or buy more",
		});
	});

	test("a token that may only read", async () => {
		existing();
		const environment = { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: READER };
		await expect(publishTo(double, folder, { hub: { environment } })).rejects.toMatchObject({
			code: "ERR_HUB_FORBIDDEN",
			exitCode: 5,
		});
		expect(commitsOf(double)).toBe(1);
	});

	test("a failed upload leaves no pull request", async () => {
		existing();
		double.faults.add({ route: "storage-put", times: 99, effect: status(503) });
		await expect(publishTo(double, folder)).rejects.toMatchObject({ code: "ERR_HUB_UNAVAILABLE", exitCode: 6 });
		expect(double.repositories.get(REPO)?.discussions).toEqual([]);
	});
});

describe("a commit", () => {
	test("whose answers are lost for good is found, not made twice", async () => {
		existing();
		double.faults.add({ route: "commit", effect: { kind: "lose-answer" } });
		const { receipt } = await publishTo(double, folder, { push: true });
		expect(double.requests.filter(({ route }) => route === "commit")).toHaveLength(1);
		expect(receipt?.commit).toBe(double.repositories.get(REPO)?.head);
		expect(commitsOf(double)).toBe(2);
	});

	test("that comes after someone else's is refused: 7", async () => {
		existing();
		const act = () => double.repositories.get(REPO)?.add({ "theirs.txt": "x" });
		double.faults.add({ route: "commit", effect: { kind: "meanwhile", act } });
		await expect(publishTo(double, folder, { push: true })).rejects.toMatchObject({
			code: "ERR_HUB_CONFLICT",
			exitCode: 7,
		});
		expect(commitsOf(double)).toBe(2);
		double.faults.add({ route: "preupload", effect: { kind: "meanwhile", act } });
		await expect(publishTo(double, folder)).rejects.toMatchObject({ exitCode: 7 });
		expect(double.repositories.get(REPO)?.discussions).toEqual([]);
	});

	test("goes on with new URLs when storage's have expired", async () => {
		existing();
		double.faults.add({ route: "storage-put", effect: { kind: "meanwhile", act: () => double.expirePresigned() } });
		await publishTo(double, folder, { push: true });
		expect(double.requests.filter(({ route }) => route === "lfs-batch").length).toBeGreaterThan(1);
		expect(commitsOf(double)).toBe(2);
	});

	test("does not hold a file that changed after it was checked", async () => {
		existing();
		const act = () => void writeFile(join(folder, "merges.txt"), `${"x".repeat(3187)}\n`);
		double.faults.add({ route: "lfs-batch", effect: { kind: "meanwhile", act } });
		await expect(publishTo(double, folder, { push: true })).rejects.toMatchObject({ exitCode: 3 });
		expect(commitsOf(double)).toBe(1);
	});
});

describe("what was committed is read back", () => {
	const unverified = { code: "ERR_COMMITTED_UNVERIFIED", exitCode: 8 };

	function corrupt(at: (bytes: Buffer) => number): void {
		const weights = readFileSync(join(folder, "open_clip_model.safetensors"));
		double.faults.add({
			route: "paths-info",
			effect: {
				kind: "meanwhile",
				act: () => {
					for (const [oid, content] of double.objects) {
						if (content.byteLength !== weights.length) continue;
						const bytes = Buffer.from(weights);
						const place = at(bytes);
						bytes[place] = (bytes[place] ?? 0) ^ 1;
						const read = async (begin: number, end: number) => bytes.subarray(begin, end);
						double.objects.set(oid, { ...content, read });
					}
				},
			},
		});
	}

	test.each([
		["in the header, by --verify-remote header", { kind: "header" }, () => 20],
		["in the data, by --verify-remote full", { kind: "full" }, (bytes: Buffer) => bytes.length - 3],
		["in the data, by a sample of all tensors", { kind: "sample", count: 9999 }, (bytes: Buffer) => bytes.length - 3],
	] as const)("a byte that differs %s is found, and there is no tag", async (_, verifyRemote, at) => {
		existing();
		corrupt(at);
		const work = publishTo(double, folder, { tag: "v1", verifyRemote });
		await expect(work).rejects.toMatchObject({
			...unverified,
			message: expect.stringContaining("has other bytes from byte"),
		});
		expect(double.repositories.get(REPO)?.refs.has("refs/tags/v1")).toBe(false);
		expect(double.repositories.get(REPO)?.discussions).toMatchObject([{ status: "draft" }]);
	});

	test("a file that is missing or another one in the listing is found", async () => {
		existing();
		const act = () => {
			const { commits, refs } = double.repositories.get(REPO) ?? {};
			const tree = commits?.get(refs?.get("refs/pr/1") ?? "")?.tree;
			if (tree instanceof Map) {
				tree.set("vocab.json", { ...tree.get("merges.txt"), path: "vocab.json" });
				tree.delete("merges.txt");
			}
		};
		double.faults.add({ route: "paths-info", effect: { kind: "meanwhile", act } });
		const work = publishTo(double, folder);
		await expect(work).rejects.toMatchObject({
			...unverified,
			details: { findings: [expect.any(String), expect.any(String)] },
		});
	});

	test("a pointer to another object is found", async () => {
		existing();
		double.faults.add({ route: "raw", effect: { kind: "corrupt" } });
		await expect(publishTo(double, folder)).rejects.toMatchObject({
			...unverified,
			message: expect.stringContaining("pointer"),
		});
	});

	test("a commit that cannot be read back is not tagged", async () => {
		existing();
		double.faults.add({ route: "storage-get", times: 99, effect: status(503) });
		await expect(publishTo(double, folder, { tag: "v1" })).rejects.toMatchObject(unverified);
		expect(double.repositories.get(REPO)?.refs.has("refs/tags/v1")).toBe(false);
	});

	test("unless it is off, which the receipt tells", async () => {
		existing();
		const { receipt } = await publishTo(double, folder, { verifyRemote: null, tag: "v1" });
		expect(receipt?.verified).toBeNull();
		expect(double.requests.filter(({ route }) => route === "paths-info" || route === "storage-get")).toEqual([]);
	});

	test("with few requests: at most 40 for a sample", async () => {
		existing();
		await publishTo(double, folder);
		const routes = double.requests.map(({ route }) => route);
		expect(routes.slice(routes.lastIndexOf("commit") + 1).length).toBeLessThanOrEqual(40);
	});
});

describe("a tag", () => {
	test("that is there is never moved: 7, and nothing is sent", async () => {
		existing();
		const { refs, head = "" } = double.repositories.get(REPO) ?? {};
		refs?.set("refs/tags/v1", head);
		await expect(publishTo(double, folder, { tag: "v1" })).rejects.toMatchObject({
			code: "ERR_HUB_CONFLICT",
			exitCode: 7,
		});
		expect(writesIn(double)).toEqual([]);
	});

	test("that appears meanwhile is not moved either", async () => {
		existing();
		const { refs, head = "" } = double.repositories.get(REPO) ?? {};
		double.faults.add({ route: "tag", effect: { kind: "meanwhile", act: () => refs?.set("refs/tags/v1", head) } });
		await expect(publishTo(double, folder, { tag: "v1" })).rejects.toMatchObject({ exitCode: 7 });
		expect(refs?.get("refs/tags/v1")).toBe(head);
	});
});

test("the token is in no request but the header for the Hub, and in no file that is left", async () => {
	existing();
	const result = await publishTo(double, folder, { tag: "v1" });
	expect(JSON.stringify(double.requests)).not.toContain(WRITER);
	expect(JSON.stringify(result)).not.toContain(WRITER);
	expect(JSON.stringify(result)).not.toContain("X-Amz");
	const storage = double.requests.filter(({ server }) => server === "storage");
	expect(storage.length).toBeGreaterThan(0);
	expect(storage.filter(({ isAuthorized }) => isAuthorized)).toEqual([]);
});

test("stops at once when it is aborted while it uploads, and commits nothing", async () => {
	existing();
	const controller = new AbortController();
	const reason = new Error("enough");
	double.faults.add({ route: "storage-put", times: 9, effect: { kind: "silence" } });
	const work = publish(folder, optionsFor(double), { signal: controller.signal });
	const outcome = expect(work).rejects.toBe(reason);
	await vi.waitFor(() => expect(double.requests.map(({ route }) => route)).toContain("storage-put"), {
		timeout: 10_000,
	});
	controller.abort(reason);
	await outcome;
	expect(commitsOf(double)).toBe(1);
	expect(double.repositories.get(REPO)?.discussions).toEqual([]);
});

test("a question that is answered with no sends nothing", async () => {
	existing();
	const asked: string[] = [];
	const confirm = async ({ repo }: { readonly repo: string }) => asked.push(repo) === 0;
	await expect(publishTo(double, folder, { confirm })).rejects.toMatchObject({
		code: "ERR_NOT_CONFIRMED",
		exitCode: 4,
	});
	expect(asked).toEqual([REPO]);
	expect(writesIn(double)).toEqual([]);
});

test("a signature that does not name the card of the Hub is told of", async () => {
	existing();
	await writeFile(join(folder, "model.sig"), "{}");
	const { notices } = await publishTo(double, folder, { dryRun: true });
	expect(notices).toContain("model.sig was made without this README.md: checking it needs --ignore-unsigned");
});
