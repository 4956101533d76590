import { describe, expect, test } from "vitest";
import type { ByteSource } from "../../src/bytes/byte-source.ts";
import type { ClipSoupError } from "../../src/errors.ts";
import { parseHubReference } from "../../src/hub/reference.ts";
import { READER, STRANGER } from "../support/hub/accounts.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import type { Effect } from "../support/hub/faults.ts";
import { hubOn, type ReadingHub } from "./reading.ts";

/** Larger than what the first request of a file asks for. */
const WEIGHTS = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
const CONFIG = '{"model_cfg": {}}';

async function double(options: Parameters<HubDouble["repository"]>[1] = {}): Promise<HubDouble> {
	const hub = await startHub();
	hub.repository("org/m", options).add({ "model.safetensors": WEIGHTS, "config.json": CONFIG });
	return hub;
}

async function readAll({ hub }: ReadingHub, [position, length] = [0, WEIGHTS.length]) {
	const { folder } = await hub.open(parseHubReference("hf:org/m"));
	await using source = await folder.open("model.safetensors");
	const bytes = Buffer.alloc(length);
	await source.read(position, bytes);
	return { bytes, config: (await folder.readSmall("config.json"))?.toString() };
}

async function failureOf(work: Promise<unknown>): Promise<ClipSoupError> {
	return work.then(
		() => expect.unreachable("it succeeds"),
		(error) => error,
	);
}

const PASSING: readonly (readonly [string, Effect])[] = [
	...[408, 429, 500, 502, 503, 504].map((status) => [`status ${status}`, { kind: "status", status }] as const),
	["a reset", { kind: "reset" }],
	["silence", { kind: "silence" }],
	["a body that breaks off", { kind: "truncate", after: "reset" }],
	["a body that stops coming", { kind: "truncate", after: "silence" }],
	["a body that is cut short", { kind: "shorten" }],
	["a body that comes whole and has no end", { kind: "break-end" }],
	["a body that is too long", { kind: "lengthen" }],
];

describe.each(["revision", "tree", "resolve", "storage-get"])("one fault of %s", (route) => {
	test.each(PASSING)("%s passes", async (_name, effect) => {
		const hub = await double();
		hub.faults.add({ route, effect });
		const reading = await hubOn(hub);
		const { bytes, config } = await readAll(reading);
		expect(bytes.equals(WEIGHTS)).toBe(true);
		expect(config).toBe(CONFIG);
		expect(hub.requests.filter((request) => request.effect !== undefined)).toHaveLength(1);
	});

	test("a fault that stays ends with exit status 6 after 6 tries", async () => {
		const hub = await double();
		hub.faults.add({ route, times: Number.POSITIVE_INFINITY, effect: { kind: "status", status: 503 } });
		const reading = await hubOn(hub);
		const failure = await failureOf(readAll(reading));
		expect(failure).toMatchObject({ code: "ERR_HUB_UNAVAILABLE", exitCode: 6 });
		expect(failure.message).toMatch(/^Cannot read "hf:org\/m.*": found status 503/);
		expect(hub.requests.filter((request) => request.route === route)).toHaveLength(6);
		expect(reading.delays).toHaveLength(5);
	});
});

describe("waits", () => {
	test("double, less a random half", async () => {
		const hub = await double();
		hub.faults.add({ route: "tree", times: 5, effect: { kind: "status", status: 500 } });
		const reading = await hubOn(hub, {}, { retry: { firstDelayMs: 100, mostDelayMs: 500 } });
		await readAll(reading);
		for (const [index, most] of [100, 200, 400, 500, 500].entries()) {
			expect(reading.delays[index]).toBeGreaterThanOrEqual(most / 2);
			expect(reading.delays[index]).toBeLessThanOrEqual(most);
		}
	});

	test.each([
		[{ "retry-after": "7", ratelimit: '"api";r=0;t=9' }, 7000],
		[{ ratelimit: '"api";r=0;t=9' }, 9000],
		[{ "retry-after": "86400" }, 310_000],
		[{ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0],
	])("are as long as %j asks for", async (headers, expected) => {
		const hub = await double();
		hub.faults.add({ route: "revision", effect: { kind: "status", status: 429, headers } });
		const reading = await hubOn(hub);
		await readAll(reading);
		expect(reading.delays).toEqual([expected]);
	});

	test.each([
		[503, { "retry-after": "5" }, 5000],
		[429, { ratelimit: '"api";r=0;t=2' }, 2000],
		[403, { "retry-after": "5" }, 0],
	])("at storage %i are as long as it asks for, unless its URL may have expired", async (status, headers, expected) => {
		const hub = await double();
		// The second range goes to the URL that the first one was led to.
		hub.faults.add({ route: "storage-get", nth: 2, effect: { kind: "status", status, headers } });
		const reading = await hubOn(hub);
		expect((await readAll(reading)).bytes.equals(WEIGHTS)).toBe(true);
		expect(reading.delays).toEqual([expected]);
	});

	test("end when the signal aborts", async () => {
		const hub = await double();
		hub.faults.add({ route: "tree", times: 9, effect: { kind: "status", status: 503 } });
		const controller = new AbortController();
		const reason = new Error("enough");
		const sleep = async () => controller.abort(reason);
		const reading = await hubOn(hub, {}, { signal: controller.signal, retry: { sleep } });
		expect(await failureOf(readAll(reading))).toBe(reason);
		expect(hub.takeRoutes()).toEqual(["revision", "tree"]);
	});
});

describe("hopeless refusals are not tried again", () => {
	test.each([
		[400, "ERR_HUB_REJECTED", 6],
		[401, "ERR_HUB_AUTH", 5],
		[403, "ERR_HUB_FORBIDDEN", 5],
		[404, "ERR_HUB_NOT_FOUND", 6],
		[409, "ERR_HUB_CONFLICT", 7],
		[412, "ERR_HUB_CONFLICT", 7],
		[413, "ERR_HUB_REJECTED", 6],
	])("status %i is %s, exit status %i", async (status, code, exitCode) => {
		for (const route of ["revision", "tree", "resolve"]) {
			const hub = await double();
			hub.faults.add({ route, times: 9, effect: { kind: "status", status } });
			const reading = await hubOn(hub);
			expect(await failureOf(readAll(reading))).toMatchObject({ code, exitCode });
			expect(hub.requests.filter((request) => request.route === route)).toHaveLength(1);
			expect(reading.delays).toEqual([]);
		}
	});

	test.each(["http://[bad", "ftp://127.0.0.1/x", "file:///etc/passwd"])("a redirect to %s", async (location) => {
		const hub = await double();
		hub.faults.add({ route: "resolve", effect: { kind: "status", status: 302, headers: { location } } });
		const reading = await hubOn(hub);
		expect(await failureOf(readAll(reading))).toMatchObject({
			code: "ERR_HUB_UNAVAILABLE",
			message: expect.stringContaining("found a redirect to what is no http URL"),
		});
		expect(reading.delays).toEqual([]);
	});

	test("what the Hub says is told, without what is secret in it", async () => {
		const hub = await double();
		const said = `no hf_secretsecretsecret at https://s3/x?X-Amz-Signature=abc`;
		hub.faults.add({ route: "tree", effect: { kind: "status", status: 400, headers: { "x-error-message": said } } });
		const failure = await failureOf(readAll(await hubOn(hub)));
		expect(failure.message).toContain("no hf_… at https://s3/x?…");
		expect(failure.details).toMatchObject({ status: 400, requestId: expect.stringMatching(/^Root=/) });
		expect(JSON.stringify(failure.details)).not.toContain("recursive=true");
	});

	test("nobody listening is tried again and then told", async () => {
		const hub = await double();
		await hub.close();
		const reading = await hubOn(hub);
		const failure = await failureOf(readAll(reading));
		expect(failure.message).toBe('Cannot read "hf:org/m": found ECONNREFUSED');
		expect(reading.delays).toHaveLength(5);
	});
});

describe("access", () => {
	test("to a private repository needs its token, which storage never sees", async () => {
		const hub = await double({ isPrivate: true });
		expect(await failureOf(readAll(await hubOn(hub)))).toMatchObject({
			code: "ERR_HUB_AUTH",
			details: { hubCode: "RepoNotFound" },
		});
		const other = await failureOf(readAll(await hubOn(hub, { HF_TOKEN: STRANGER })));
		expect(other).toMatchObject({ code: "ERR_HUB_NOT_FOUND" });
		expect(await failureOf(readAll(await hubOn(hub, { HF_TOKEN: "hf_nonsense" })))).toMatchObject({
			code: "ERR_HUB_AUTH",
		});
		hub.requests.splice(0);
		expect((await readAll(await hubOn(hub, { HF_TOKEN: READER }))).bytes.equals(WEIGHTS)).toBe(true);
		for (const { server, isAuthorized, url } of hub.requests) {
			expect(isAuthorized).toBe(server === "hub");
			expect(url).not.toContain(READER);
		}
		expect(hub.requests.some(({ server }) => server === "storage")).toBe(true);
	});

	test("to a gated repository is refused with the way to it", async () => {
		const hub = await double({ gated: "manual" });
		expect(await failureOf(readAll(await hubOn(hub)))).toMatchObject({
			code: "ERR_HUB_AUTH",
			details: { hubCode: "GatedRepo" },
		});
		const failure = await failureOf(readAll(await hubOn(hub, { HF_TOKEN: STRANGER })));
		expect(failure).toMatchObject({
			code: "ERR_HUB_FORBIDDEN",
			exitCode: 5,
			fix: expect.stringMatching(/accept its conditions/),
		});
		expect((await readAll(await hubOn(hub, { HF_TOKEN: READER }))).config).toBe(CONFIG);
	});
});

describe("a file read by ranges", () => {
	async function opened(hub: HubDouble): Promise<ByteSource & AsyncDisposable> {
		const { folder } = await (await hubOn(hub)).hub.open(parseHubReference("hf:org/m"));
		const source = await folder.open("model.safetensors");
		hub.takeRoutes();
		return source;
	}

	async function read(source: ByteSource, position: number, length: number): Promise<Buffer> {
		const target = Buffer.alloc(length);
		await source.read(position, target);
		return target;
	}

	test("asks the Hub once where it is, then storage for each range", async () => {
		const hub = await double();
		await using source = await opened(hub);
		expect(await read(source, 200_000, 10)).toEqual(WEIGHTS.subarray(200_000, 200_010));
		expect(await read(source, 0, 8)).toEqual(WEIGHTS.subarray(0, 8));
		expect(await read(source, 8, 1000)).toEqual(WEIGHTS.subarray(8, 1008));
		expect(await read(source, 131_000, 1000)).toEqual(WEIGHTS.subarray(131_000, 132_000));
		const ranges = hub.requests.map(({ route, headers }) => [route, headers.range]);
		expect(ranges).toEqual([
			["resolve", "bytes=200000-200009"],
			["storage-get", "bytes=200000-200009"],
			["storage-get", "bytes=0-131071"],
			["storage-get", "bytes=131072-131999"],
		]);
	});

	test("goes on at the byte where it broke, however often, as long as it gets further", async () => {
		const hub = await double();
		hub.faults.add({ route: "storage-get", times: 8, effect: { kind: "truncate", after: "reset" } });
		await using source = await opened(hub);
		expect((await read(source, 150_000, 100_000)).equals(WEIGHTS.subarray(150_000, 250_000))).toBe(true);
		const starts = hub.requests.flatMap(({ route, headers }) =>
			route === "storage-get" ? Number(/\d+/.exec(headers.range ?? "")?.[0]) : [],
		);
		expect(starts).toHaveLength(9);
		expect(starts.every((start, index) => index === 0 || start > (starts[index - 1] ?? 0))).toBe(true);
	});

	test("asks the Hub anew when its URL has expired", async () => {
		const hub = await double();
		await using source = await opened(hub);
		await read(source, 150_000, 10);
		hub.expirePresigned();
		hub.takeRoutes();
		expect(await read(source, 160_000, 10)).toEqual(WEIGHTS.subarray(160_000, 160_010));
		expect(hub.takeRoutes()).toEqual(["storage-get", "resolve", "storage-get"]);
	});

	test.each([
		["the whole file with 200", { kind: "ignore-range" }, /status 200 with no range/],
		[
			"another range",
			{ kind: "shift-range" },
			/"bytes 150001-150010\/300000" instead of "bytes 150000-150009\/300000"/,
		],
		["fewer bytes", { kind: "shorten" }, /an end at byte/],
	] as const)("does not take %s for what it asked", async (_name, effect, message) => {
		const hub = await double();
		hub.faults.add({ route: "storage-get", times: 1, effect });
		await using source = await opened(hub);
		expect(await read(source, 150_000, 10)).toEqual(WEIGHTS.subarray(150_000, 150_010));
		hub.faults.add({ route: "storage-get", times: 99, effect });
		const failure = await failureOf(read(source, 150_000, 10).then(() => read(source, 150_000, 1)));
		expect(failure).toMatchObject({ code: "ERR_HUB_UNAVAILABLE", exitCode: 6 });
		if (effect.kind !== "shorten") expect(failure.message).toMatch(message);
		expect(failure.message + JSON.stringify(failure.details)).not.toContain("X-Amz");
	});

	test("is not read past its end, nor after it was closed", async () => {
		const hub = await double();
		const source = await opened(hub);
		expect(await failureOf(read(source, 299_999, 2))).toMatchObject({ code: "ERR_FILE_TRUNCATED" });
		await source.close();
		expect(await failureOf(read(source, 150_000, 1))).toMatchObject({ name: "AbortError" });
	});
});

describe("a small file", () => {
	const small = async (hub: HubDouble) => {
		const { folder } = await (await hubOn(hub)).hub.open(parseHubReference("hf:org/m"));
		return folder.readSmall("config.json");
	};

	test("is compared with its digest: one flipped bit is fetched again", async () => {
		const hub = await double();
		hub.faults.add({ route: "resolve", effect: { kind: "corrupt" } });
		expect((await small(hub))?.toString()).toBe(CONFIG);
		expect(hub.takeRoutes()).toEqual(["revision", "tree", "resolve", "resolve"]);
	});

	test("that stays damaged is refused", async () => {
		const hub = await double();
		hub.faults.add({ route: "resolve", times: 99, effect: { kind: "corrupt" } });
		expect(await failureOf(small(hub))).toMatchObject({ code: "ERR_HUB_INTEGRITY", exitCode: 6 });
	});
});
