import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { average, convert, diff, inspect } from "../../src/index.ts";
import { digitsPath, layoutPath } from "../convert/fixtures.ts";
import { checkpointBytes, f32 } from "../support/checkpoints.ts";
import { WRITER } from "../support/hub/accounts.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { publish } from "./repositories.ts";
import { filesWithoutOrigins } from "./written.ts";

let double: HubDouble;
let folder: string;

beforeEach(async () => {
	double = await startHub();
	folder = await temporaryFolder();
	vi.stubEnv("HF_ENDPOINT", double.hubUrl);
	vi.stubEnv("HF_HOME", join(folder, "hf-home"));
	for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_HUB_OFFLINE"]) {
		vi.stubEnv(name, undefined);
	}
	onTestFinished(() => {
		vi.unstubAllEnvs();
	});
	publish(double, "org/augreg", digitsPath("augreg"));
	publish(double, "org/rewind", digitsPath("rewind"));
});

function rangesOf(file: string): number {
	return double.requests.filter(({ route, url }) => route === "storage-get" && url.includes(file)).length;
}

describe("inspect hf:", () => {
	test("tells what it tells of the files, with one ranged request to a weight file whose header fits into it", async () => {
		const local = await inspect(digitsPath("augreg"));
		const remote = await inspect("hf:org/augreg");
		const routes = double.requests.map(({ route }) => route);
		expect(routes.filter((route) => route === "revision" || route === "tree")).toEqual(["revision", "tree"]);
		expect(rangesOf("")).toBe(1);
		expect(
			double.requests.filter(({ route, url }) => route === "resolve" && url.includes(".safetensors")),
		).toHaveLength(1);
		const { model, notices, ...rest } = remote;
		const revision = double.repositories.get("org/augreg")?.head;
		const origins = [{ reference: "hf:org/augreg", repo: "org/augreg", revision }];
		expect(rest).toEqual({ ...local, path: "hf:org/augreg", origins, model: undefined, notices: undefined });
		expect(notices).toEqual(local.notices);
		const atHome = JSON.stringify(model).replaceAll("hf:org/augreg:", `${digitsPath("augreg")}/`);
		expect(atHome.replaceAll("hf:org/augreg", digitsPath("augreg"))).toBe(JSON.stringify(local.model));
	});

	test("reads a header that the first request does not hold with exactly two", async () => {
		const names = Array.from({ length: 2000 }, (_, index) => `${"name".repeat(20)}.${index}`);
		const bytes = checkpointBytes(Object.fromEntries(names.map((name, index) => [name, f32(index)])));
		expect(bytes.length).toBeGreaterThan(2 ** 17);
		double.repository("org/long").add({ "model.safetensors": bytes });
		expect((await inspect("hf:org/long")).tensors).toHaveLength(2000);
		expect(rangesOf("")).toBe(2);
	});

	test("--data tells the same of the bytes", async () => {
		const local = await inspect(digitsPath("augreg"), { data: true });
		const remote = await inspect("hf:org/augreg", { data: true });
		expect(remote.data).toEqual(local.data);
		expect(remote.tensors).toEqual(local.tensors);
	});

	test("takes a revision, a file, and shards", async () => {
		const repository = double.repositories.get("org/augreg");
		const { head = "" } = repository ?? {};
		repository?.refs.set("refs/tags/v1", head);
		repository?.add({ "open_clip_model.safetensors": "broken" });
		const at = (revision: string) => inspect(`hf:org/augreg@${revision}:open_clip_model.safetensors`);
		expect((await at("v1")).tensors).toEqual((await at(head)).tensors);
		await expect(at("main")).rejects.toMatchObject({ code: "ERR_HEADER_TOO_SMALL" });
		await expect(at("nope")).rejects.toMatchObject({ code: "ERR_HUB_NOT_FOUND", exitCode: 6 });
		await expect(inspect("hf:org/augreg@v1:nope.safetensors")).rejects.toMatchObject({ code: "ERR_HUB_NOT_FOUND" });
		await expect(inspect("hf:org")).rejects.toMatchObject({ code: "ERR_USAGE" });
	});

	test("names the repository in what is wrong with it", async () => {
		double.repository("org/empty").add({ "README.md": "x", "pytorch_model.bin": "x" });
		const failure = await inspect("hf:org/empty").catch((error: unknown) => error);
		expect(failure).toMatchObject({
			code: "ERR_NO_WEIGHT_FILE",
			message: 'Cannot find weights in "hf:org/empty": found only pickles (pytorch_model.bin)',
		});
	});
});

describe("avg hf:", () => {
	test("writes what it writes of the files, but for where they come from", async () => {
		await average([digitsPath("augreg"), digitsPath("rewind")], {
			output: join(folder, "local"),
			digests: true,
			fsync: false,
		});
		await average(["hf:org/augreg", "hf:org/rewind"], { output: join(folder, "remote"), digests: true, fsync: false });
		expect(filesWithoutOrigins(join(folder, "remote"))).toEqual(filesWithoutOrigins(join(folder, "local")));
		expect(readdirSync(folder).sort()).toEqual(["local", "remote"]);
	});

	test("asks for every byte once, in 8 ranges of each file", async () => {
		await average(["hf:org/augreg", "hf:org/rewind"], { output: join(folder, "soup"), fsync: false });
		for (const id of ["org/augreg", "org/rewind"]) {
			const { sha256 = "", byteLength = 0 } =
				double.repositories.get(id)?.resolve("main")?.tree.get("open_clip_model.safetensors")?.content ?? {};
			const asked = double.requests.filter(({ route, url }) => route === "storage-get" && url.includes(sha256));
			const ranges = asked.map(
				({ headers }) =>
					/^bytes=(\d+)-(\d+)$/
						.exec(headers.range ?? "")
						?.slice(1)
						.map(Number) ?? [],
			);
			const sorted = ranges.sort(([a = 0], [b = 0]) => a - b);
			expect([id, sorted.length]).toEqual([id, 8]);
			expect(sorted.map(([first]) => first)).toEqual([0, ...sorted.slice(0, -1).map(([, last = 0]) => last + 1)]);
			expect(sorted.at(-1)?.[1]).toBe(byteLength - 1);
		}
	});

	test("does so with chunks far smaller than a tensor, one input local, and digests of files", async () => {
		const options = { fsync: false, fileDigests: true, chunkByteLength: 4096 };
		await average([digitsPath("augreg"), digitsPath("rewind")], { ...options, output: join(folder, "local") });
		await average([digitsPath("augreg"), "hf:org/rewind"], { ...options, output: join(folder, "mixed") });
		expect(filesWithoutOrigins(join(folder, "mixed"))).toEqual(filesWithoutOrigins(join(folder, "local")));
	});

	test("does so while storage fails now and then", async () => {
		double.faults.add(
			{ route: "storage-get", nth: 3, effect: { kind: "status", status: 429, headers: { "retry-after": "0" } } },
			{ route: "storage-get", nth: 4, effect: { kind: "truncate", after: "reset" } },
			{ route: "storage-get", nth: 5, effect: { kind: "ignore-range" } },
			{ route: "storage-get", nth: 6, effect: { kind: "meanwhile", act: () => double.expirePresigned() } },
		);
		await average([digitsPath("augreg"), digitsPath("rewind")], { output: join(folder, "local"), fsync: false });
		await average(["hf:org/augreg", "hf:org/rewind"], { output: join(folder, "remote"), fsync: false });
		expect(filesWithoutOrigins(join(folder, "remote"))).toEqual(filesWithoutOrigins(join(folder, "local")));
		expect(double.requests.filter(({ effect }) => effect !== undefined)).toHaveLength(4);
	});

	test.each([4, 5, 6, 7])("finds a bit that is wrong in range %i of storage, and leaves nothing", async (nth) => {
		double.faults.add({ route: "storage-get", nth, effect: { kind: "corrupt" } });
		const work = average(["hf:org/augreg", "hf:org/rewind"], { output: join(folder, "soup"), allowNonFinite: true });
		await expect(work).rejects.toMatchObject({
			code: "ERR_HUB_INTEGRITY",
			exitCode: 6,
			message: expect.stringMatching(/^Cannot read "hf:org\/.*": found sha256 [0-9a-f]{64}, expected sha256/),
		});
		expect(readdirSync(folder)).toEqual([]);
	});

	test("leaves nothing when the Hub refuses in the midst of it", async () => {
		double.faults.add({ route: "resolve", nth: 6, times: 99, effect: { kind: "status", status: 403 } });
		double.faults.add({ route: "storage-get", nth: 3, times: 99, effect: { kind: "status", status: 403 } });
		const work = average(["hf:org/augreg", "hf:org/rewind"], { output: join(folder, "soup"), fsync: false });
		await expect(work).rejects.toMatchObject({ code: "ERR_HUB_FORBIDDEN", exitCode: 5 });
		expect(readdirSync(folder)).toEqual([]);
	});

	test("stops when aborted while it waits for bytes, and leaves nothing", async () => {
		double.faults.add({ route: "storage-get", nth: 3, times: 99, effect: { kind: "silence" } });
		const controller = new AbortController();
		const reason = new Error("enough");
		double.faults.add({ route: "storage-get", nth: 4, effect: { kind: "meanwhile", act: () => {} } });
		const work = average(
			["hf:org/augreg", "hf:org/rewind"],
			{ output: join(folder, "soup") },
			{ signal: controller.signal },
		);
		await vi.waitFor(() => expect(rangesOf("")).toBeGreaterThanOrEqual(4), { timeout: 10_000 });
		controller.abort(reason);
		await expect(work).rejects.toBe(reason);
		expect(readdirSync(folder)).toEqual([]);
	});
});

test("diff hf: sees what diff of the files sees", async () => {
	const remote = await diff("hf:org/augreg", digitsPath("rewind"));
	expect({ ...remote, a: digitsPath("augreg"), origins: [] }).toEqual(
		await diff(digitsPath("augreg"), digitsPath("rewind")),
	);
	expect((await diff("hf:org/augreg", digitsPath("augreg"))).equal).toBe(true);
});

test.each([
	["hf:org/augreg", () => digitsPath("augreg"), ["timm", "hf"]],
	["hf:org/hf", () => layoutPath("vit-f16", "hf"), ["openclip"]],
] as const)("convert %s writes what it writes of the files", async (reference, path, to) => {
	publish(double, "org/hf", layoutPath("vit-f16", "hf"));
	const options = { to, force: true, fsync: false, chunkByteLength: 4096 };
	await convert(path(), { ...options, output: join(folder, "local") });
	await convert(reference, { ...options, output: join(folder, "remote") });
	const folders = to.length === 1 ? [""] : to;
	for (const name of folders) {
		expect(filesWithoutOrigins(join(folder, "remote", name))).toEqual(filesWithoutOrigins(join(folder, "local", name)));
	}
});

test("a pair of towers in two folders is one model at one commit", async () => {
	await convert(digitsPath("augreg"), { to: ["hf"], output: join(folder, "pair"), fsync: false });
	expect(readdirSync(join(folder, "pair"))).toEqual(expect.arrayContaining(["text", "vision"]));
	publish(double, "org/pair", join(folder, "pair"));
	const local = await convert(join(folder, "pair"), { to: ["openclip"], output: join(folder, "local"), fsync: false });
	const remote = await convert("hf:org/pair", { to: ["openclip"], output: join(folder, "remote"), fsync: false });
	expect(filesWithoutOrigins(join(folder, "remote"))).toEqual(filesWithoutOrigins(join(folder, "local")));
	expect([remote.tensors, remote.from.map(({ path }) => path)]).toEqual([
		local.tensors,
		["hf:org/pair:vision", "hf:org/pair:text"],
	]);
	expect(double.requests.filter(({ route }) => route === "revision" || route === "tree")).toHaveLength(2);
});

describe("the command line", () => {
	const environment = (more: Readonly<Record<string, string>> = {}) => ({
		env: { HF_ENDPOINT: double.hubUrl, HF_HOME: join(folder, "hf-home"), ...more },
	});

	test("reads a private repository with HF_TOKEN and prints no token", async () => {
		double.repository("org/hidden", { isPrivate: true });
		publish(double, "org/hidden", digitsPath("augreg"));
		const refused = await runCli(["inspect", "hf:org/hidden"], environment());
		expect(refused).toMatchObject({ exitCode: 5, stdout: "" });
		expect(refused.stderr).toMatch(
			/^error\[ERR_HUB_AUTH\]: Cannot read "hf:org\/hidden": found status 401 \(RepoNotFound/,
		);
		const { exitCode, stdout, stderr } = await runCli(
			["inspect", "hf:org/hidden", "--json"],
			environment({ HF_TOKEN: WRITER }),
		);
		expect([exitCode, stderr]).toEqual([0, ""]);
		expect(stdout).not.toContain(WRITER);
	});

	test("ends with 6 for what is not there", async () => {
		expect(await runCli(["inspect", "hf:org/augreg@v9"], environment())).toMatchObject({ exitCode: 6 });
		expect(await runCli(["inspect", "hf:org"], environment())).toMatchObject({ exitCode: 2 });
	});
});
