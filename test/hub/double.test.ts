import { createHash } from "node:crypto";
import { createRepo, commit as hubCommit, listFiles, pathsInfo } from "@huggingface/hub";
import { describe, expect, test, vi } from "vitest";
import { READER, STRANGER, WRITER } from "../support/hub/accounts.ts";
import { gitBlobSha1, pointerText } from "../support/hub/content.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";

const WEIGHTS = Buffer.from("weights ".repeat(1000));
const OID = createHash("sha256").update(WEIGHTS).digest("hex");

interface Answer {
	readonly status: number;
	readonly headers: Headers;
	readonly text: string;
}

async function ask(
	url: string,
	init: { token?: string; method?: string; body?: Uint8Array | string; headers?: Record<string, string> } = {},
): Promise<Answer> {
	const { token, method = init.body === undefined ? "GET" : "POST", body, headers = {} } = init;
	const authorization = token === undefined ? undefined : { authorization: `Bearer ${token}` };
	const response = await fetch(url, {
		method,
		headers: { ...headers, ...authorization },
		redirect: "manual",
		...(body !== undefined && { body: Buffer.from(body) }),
	});
	return { status: response.status, headers: response.headers, text: await response.text() };
}

function lines(...values: readonly { readonly key: string; readonly value: unknown }[]): string {
	return values.map((value) => JSON.stringify(value)).join("\n");
}

const header = (value: object = {}) => ({ key: "header", value: { summary: "Add", ...value } });
const pointer = (oid: string, size = WEIGHTS.length) => ({
	key: "lfsFile",
	value: { path: "model.safetensors", algo: "sha256", oid, size },
});

async function batch(hub: HubDouble, oid = OID, size = WEIGHTS.length) {
	const body = JSON.stringify({ operation: "upload", transfers: ["basic", "multipart"], objects: [{ oid, size }] });
	const { text } = await ask(`${hub.hubUrl}/org/m.git/info/lfs/objects/batch`, { token: WRITER, body });
	return JSON.parse(text).objects[0];
}

function commitTo(hub: HubDouble, body: string, token = WRITER, branch = "main") {
	return ask(`${hub.hubUrl}/api/models/org/m/commit/${encodeURIComponent(branch)}`, { token, body });
}

describe("storage", () => {
	test("refuses an upload whose SHA-256 is not the object's name", async () => {
		const hub = await startHub();
		hub.repository("org/m");
		const { href } = (await batch(hub)).actions.upload;
		const damaged = Buffer.from(WEIGHTS);
		damaged[5] = 0;
		expect((await ask(href, { method: "PUT", body: damaged })).status).toBe(400);
		expect(hub.objects.has(OID)).toBe(false);
		expect((await ask(href, { method: "PUT", body: WEIGHTS })).status).toBe(200);
		expect((await batch(hub)).actions).toBeUndefined();
	});

	test("joins parts only if all are there with their ETags", async () => {
		const hub = await startHub();
		hub.repository("org/m");
		hub.partByteLength = 3000;
		const { href, header } = (await batch(hub)).actions.upload;
		expect(Object.keys(header).sort()).toEqual(["00001", "00002", "00003", "chunk_size"]);
		const etags: string[] = [];
		for (const [index, key] of ["00001", "00002", "00003"].entries()) {
			const part = WEIGHTS.subarray(index * 3000, (index + 1) * 3000);
			etags.push((await ask(header[key], { method: "PUT", body: part })).headers.get("etag") ?? "");
		}
		const parts = etags.map((etag, index) => ({ partNumber: index + 1, etag }));
		const complete = (list: unknown) => ask(href, { body: JSON.stringify({ oid: OID, parts: list }) });
		expect((await complete(parts.slice(0, 2))).status).toBe(400);
		expect((await complete(parts.with(1, { partNumber: 2, etag: '"other"' }))).status).toBe(400);
		expect((await complete(parts)).status).toBe(200);
		expect(hub.objects.get(OID)?.byteLength).toBe(WEIGHTS.length);
	});

	test("has another host name, and notes a token that reaches it", async () => {
		const hub = await startHub();
		hub.repository("org/m").add({ "model.safetensors": WEIGHTS });
		const { headers } = await ask(`${hub.hubUrl}/org/m/resolve/main/model.safetensors`);
		const location = headers.get("location") ?? "";
		expect(new URL(location).hostname).not.toBe(new URL(hub.hubUrl).hostname);
		expect((await ask(location, { token: WRITER })).status).toBe(400);
		expect(hub.leaks.splice(0)).toEqual([`GET /objects/${OID}`]);
	});

	test("serves ranges, and nothing by an expired URL or by one for another object", async () => {
		const hub = await startHub();
		hub.repository("org/m").add({ "model.safetensors": WEIGHTS });
		const { headers } = await ask(`${hub.hubUrl}/org/m/resolve/main/model.safetensors`);
		const location = headers.get("location") ?? "";
		const range = await ask(location, { headers: { range: "bytes=8-15" } });
		expect([range.status, range.headers.get("content-range"), range.text]).toEqual([
			206,
			"bytes 8-15/8000",
			"weights ",
		]);
		expect((await ask(location, { headers: { range: "bytes=8000-" } })).status).toBe(416);
		expect((await ask(location.replace(OID, "0".repeat(64)))).status).toBe(403);
		expect((await ask(location, { method: "PUT", body: WEIGHTS })).status).toBe(403);
		hub.expirePresigned();
		expect((await ask(location)).status).toBe(403);
	});
});

describe("a commit", () => {
	test("is refused without its LFS object, on a stale parent, and with an empty summary", async () => {
		const hub = await startHub();
		const repository = hub.repository("org/m");
		const { head } = repository;
		expect((await commitTo(hub, lines(header(), pointer(OID)))).status).toBe(400);
		repository.add({ "README.md": "x" });
		expect((await commitTo(hub, lines(header({ parentCommit: head })))).status).toBe(412);
		expect((await commitTo(hub, lines(header({ summary: " " })))).status).toBe(400);
		expect((await commitTo(hub, lines(header()), WRITER, "nope")).status).toBe(404);
		expect(repository.commits.size).toBe(2);
		expect((await commitTo(hub, lines(header({ parentCommit: repository.head })))).status).toBe(200);
	});

	test("may come to be although its answer is lost", async () => {
		const hub = await startHub();
		const repository = hub.repository("org/m");
		hub.faults.add({ route: "commit", effect: { kind: "lose-answer" } });
		expect((await commitTo(hub, lines(header()))).status).toBe(504);
		expect(repository.commits.size).toBe(2);
	});
});

describe("access", () => {
	test("is refused as the Hub refuses it", async () => {
		const hub = await startHub();
		hub.repository("org/m", { isPrivate: true }).add({ "a.txt": "a" });
		hub.repository("org/gated", { gated: "manual" }).add({ "a.txt": "a" });
		const outcome = async (path: string, token?: string) => {
			const { status, headers, text } = await ask(hub.hubUrl + path, token === undefined ? {} : { token });
			return [status, headers.get("x-error-code") ?? JSON.parse(text).error];
		};
		expect(await outcome("/api/models/org/m")).toEqual([401, "RepoNotFound"]);
		expect(await outcome("/api/models/org/m", STRANGER)).toEqual([404, "RepoNotFound"]);
		expect(await outcome("/api/models/org/m", "hf_bad")).toEqual([401, "Invalid credentials in Authorization header"]);
		expect((await ask(`${hub.hubUrl}/api/models/org/m`, { token: READER })).status).toBe(200);
		expect((await commitTo(hub, lines(header()), READER)).status).toBe(403);
		expect((await ask(`${hub.hubUrl}/api/models/org/m/commit/main`, { body: lines(header()) })).status).toBe(401);
		expect((await ask(`${hub.hubUrl}/api/models/org/gated`)).status).toBe(200);
		expect(await outcome("/org/gated/resolve/main/a.txt")).toEqual([401, "GatedRepo"]);
		expect(await outcome("/org/gated/resolve/main/a.txt", STRANGER)).toEqual([403, "GatedRepo"]);
		expect(await outcome("/org/gated/resolve/nope/a.txt", WRITER)).toEqual([404, "RevisionNotFound"]);
		expect(await outcome("/org/gated/resolve/main/b.txt", WRITER)).toEqual([404, "EntryNotFound"]);
	});

	test("by OIDC is for one repository", async () => {
		const hub = await startHub();
		hub.repository("org/m");
		hub.repository("org/other");
		hub.identityTokens.set("identity", "org/m");
		const trade = (subject_token: string, resource = "org/m") =>
			ask(`${hub.hubUrl}/oauth/token`, {
				body: JSON.stringify({
					grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
					subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
					subject_token,
					resource,
				}),
			});
		expect((await trade("wrong")).status).toBe(400);
		expect((await trade("identity", "org/other")).status).toBe(400);
		const token: string = JSON.parse((await trade("identity")).text).access_token;
		expect(token).toMatch(/^hf_jwt_/);
		expect((await commitTo(hub, lines(header()), token)).status).toBe(200);
		const other = `${hub.hubUrl}/api/models/org/other/commit/main`;
		expect((await ask(other, { token, body: lines(header()) })).status).toBe(403);
	});
});

test("files have git's own names", async () => {
	const hub = await startHub();
	hub.repository("org/m").add({ "a.txt": "hello\n", "model.safetensors": WEIGHTS });
	const { text } = await ask(`${hub.hubUrl}/api/models/org/m/tree/main`);
	const [regular, lfs] = JSON.parse(text);
	// `git hash-object` of "hello\n".
	expect(regular.oid).toBe("ce013625030ba8dba906f756967f9e9ca394464a");
	const raw = (await ask(`${hub.hubUrl}/org/m/raw/main/model.safetensors`)).text;
	expect(raw).toBe(pointerText({ sha256: OID, byteLength: WEIGHTS.length }));
	expect(lfs).toMatchObject({ oid: gitBlobSha1(Buffer.from(raw)), lfs: { oid: OID, pointerSize: raw.length } });
});

test("every request is recorded, and no token in the record", async () => {
	const hub = await startHub();
	hub.repository("org/m");
	await ask(`${hub.hubUrl}/api/whoami-v2`, { token: WRITER });
	await ask(`${hub.hubUrl}/nowhere?x=1`);
	expect(hub.requests.map(({ route, url, status, isAuthorized }) => [route, url, status, isAuthorized])).toEqual([
		["whoami", "/api/whoami-v2", 200, true],
		["none", "/nowhere?x=1", 404, false],
	]);
	expect(JSON.stringify(hub.requests)).not.toContain(WRITER);
});

describe("faults", () => {
	const get = (hub: HubDouble, path = "/org/m/resolve/main/a.txt") =>
		ask(hub.hubUrl + path, { headers: { range: "bytes=1-4" } })
			.then((answer) => ({ ...answer, range: answer.headers.get("content-range") }))
			.catch(() => "broken" as const);

	async function withFile(): Promise<HubDouble> {
		const hub = await startHub();
		hub.repository("org/m").add({ "a.txt": "0123456789" });
		return hub;
	}

	test("hit the k-th request of their route and no other", async () => {
		const hub = await withFile();
		hub.faults.add({ route: "resolve", nth: 2, times: 2, effect: { kind: "status", status: 503 } });
		const statuses = [];
		for (let i = 0; i < 4; i++) statuses.push((await ask(`${hub.hubUrl}/org/m/resolve/main/a.txt`)).status);
		expect(statuses).toEqual([200, 503, 503, 200]);
		expect((await ask(`${hub.hubUrl}/api/models/org/m`)).status).toBe(200);
	});

	test.each([
		["reset", { kind: "reset" }, "broken"],
		["truncate", { kind: "truncate", after: "reset" }, "broken"],
		["shorten", { kind: "shorten" }, { status: 206, text: "12" }],
		["corrupt", { kind: "corrupt" }, { status: 206, text: "1224" }],
		["ignore-range", { kind: "ignore-range" }, { status: 200, text: "0123456789" }],
		["shift-range", { kind: "shift-range" }, { status: 206, text: "1234", range: "bytes 2-5/10" }],
	] as const)("%s does what it says", async (_name, effect, expected) => {
		const hub = await withFile();
		hub.faults.add({ route: "resolve", effect });
		if (expected === "broken") expect(await get(hub)).toBe(expected);
		else expect(await get(hub)).toMatchObject(expected);
		expect(await get(hub)).toMatchObject({ status: 206, text: "1234", range: "bytes 1-4/10" });
	});

	test.each([
		["silence", { kind: "silence" }, "", 0],
		["a body that stops", { kind: "truncate", after: "silence" }, "01234", 5],
	] as const)("of %s nothing more comes while others are served", async (_name, effect, expected, sent) => {
		const hub = await withFile();
		hub.faults.add({ route: "resolve", effect });
		const abort = new AbortController();
		let received = "";
		let isOver = false;
		const work = fetch(`${hub.hubUrl}/org/m/resolve/main/a.txt`, { signal: abort.signal })
			.then(async ({ body }) => {
				for await (const piece of body ?? []) received += Buffer.from(piece).toString("utf8");
			})
			.catch(() => abort.signal.aborted)
			.finally(() => {
				isOver = true;
			});
		await vi.waitFor(() => expect([hub.requests.length, received]).toEqual([1, expected]));
		for (let other = 0; other < 3; other++) expect(await get(hub)).toMatchObject({ text: "1234" });
		expect([isOver, received]).toEqual([false, expected]);
		abort.abort();
		expect(await work).toBe(true);
		await vi.waitFor(() => expect(hub.requests[0]).toMatchObject({ effect: effect.kind, responseByteLength: sent }));
	});

	test("leave the bytes that came and went in the record", async () => {
		const hub = await withFile();
		hub.faults.add({ route: "resolve", nth: 2, effect: { kind: "shorten" } });
		hub.faults.add({ route: "resolve", nth: 3, effect: { kind: "ignore-range" } });
		for (let i = 0; i < 3; i++) await get(hub);
		await ask(`${hub.hubUrl}/org/m/resolve/main/a.txt`, { method: "HEAD" });
		await ask(`${hub.hubUrl}/nowhere`, { body: "12345" });
		await vi.waitFor(() =>
			expect(
				hub.requests.map(({ requestByteLength, responseByteLength }) => [requestByteLength, responseByteLength > 0]),
			).toEqual([
				[0, true],
				[0, true],
				[0, true],
				[0, false],
				[5, true],
			]),
		);
		expect(hub.requests.slice(0, 3).map(({ responseByteLength }) => responseByteLength)).toEqual([4, 2, 10]);
	});

	test("something may happen in between", async () => {
		const hub = await withFile();
		const act = () => hub.repository("org/new").add({ "b.txt": "b" });
		hub.faults.add({ route: "info", effect: { kind: "meanwhile", act } });
		expect((await ask(`${hub.hubUrl}/api/models/org/new`)).status).toBe(200);
	});
});

describe.each([
	["basic", Number.POSITIVE_INFINITY],
	["multipart", 3000],
])("Hugging Face's own client over %s LFS", (_name, partByteLength) => {
	test("creates, uploads, commits, branches to a pull request and lists", async () => {
		const hub = await startHub();
		hub.partByteLength = partByteLength;
		const shared = { repo: "org/m", hubUrl: hub.hubUrl, accessToken: WRITER, useXet: false } as const;
		await createRepo({ ...shared, visibility: "private" });
		const operations = [
			{ operation: "addOrUpdate", path: "model.safetensors", content: new Blob([WEIGHTS]) },
			{ operation: "addOrUpdate", path: "sub/a.txt", content: new Blob(["hello"]) },
		] as const;
		const pushed = await hubCommit({ ...shared, title: "Add weights", operations: [...operations] });
		expect(pushed?.commit.oid).toBe(hub.repositories.get("org/m")?.head);
		const pull = await hubCommit({ ...shared, title: "Propose", operations: [operations[1]], isPullRequest: true });
		expect(pull?.pullRequestUrl).toBe(`${hub.hubUrl}/org/m/discussions/1`);
		const listed = [];
		for await (const file of listFiles({ ...shared, recursive: true }))
			listed.push([file.type, file.path, file.lfs?.oid]);
		expect(listed).toEqual([
			["directory", "sub", undefined],
			["file", "model.safetensors", OID],
			["file", "sub/a.txt", undefined],
		]);
		const [info] = await pathsInfo({ ...shared, paths: ["model.safetensors", "nope"] });
		expect(info).toMatchObject({ size: WEIGHTS.length, lfs: { oid: OID } });
		expect(hub.leaks).toEqual([]);
	});
});
