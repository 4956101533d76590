import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import type { Verification } from "../../src/verification.ts";
import { type VerifyOptions, verify } from "../../src/verify.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { runCli } from "../support/run-cli.ts";
import { type DoubleEnvironment, damageStorage, doubleEnvironment, sentBytes } from "./double-environment.ts";

const INGREDIENTS = ["hf:org/augreg", "hf:org/rewind"];
const SKIPPED = "the weights are on the Hub: --download runs it";

let at: DoubleEnvironment;

beforeEach(async () => {
	at = await doubleEnvironment();
});

function statuses({ checks }: Verification): Record<string, string> {
	return Object.fromEntries(checks.map(({ check, status }) => [check, status]));
}

function detailOf({ checks }: Verification, id: string): string | undefined {
	return checks.find(({ check }) => check === id)?.detail;
}

function weightBytes(name: "augreg" | "rewind" | "soup"): number {
	const folder = name === "soup" ? join(at.folder, "soup") : digitsPath(name);
	return statSync(join(folder, "open_clip_model.safetensors")).size;
}

async function positionOf(tensor: string): Promise<number> {
	await using soup: Checkpoint = await openCheckpoint(join(at.folder, "soup"));
	const { position } = soup.tensors.get(tensor) ?? {};
	if (position === undefined) throw new Error(`The soup has no ${tensor}`);
	return position;
}

/** A lock of the soup, made from the files themselves. */
async function lockOfFiles(): Promise<string> {
	const lock = join(at.folder, "lock.json");
	const { checks } = await verify(join(at.folder, "soup"), { writeLock: lock, forward: false });
	expect(checks.filter(({ status }) => status === "failed")).toEqual([]);
	return lock;
}

describe("verify hf: --soup-of hf:", () => {
	test("proves the soup from bytes that are nowhere stored", async () => {
		const result = await verify("hf:org/soup", { soupOf: INGREDIENTS });
		const passed = Object.fromEntries(
			["CS001", "CS012", "CS003", "CS004", "CS006", "CS009", "CS008", "CS002"].map((id) => [id, "passed"]),
		);
		expect(statuses(result)).toEqual({ ...passed, CS011: "skipped" });
		expect(detailOf(result, "CS011")).toBe(SKIPPED);
		expect(detailOf(result, "CS008")).toMatch(/^Recomputed in float64 with one rounding, equal to the bit/);
		expect(result.checks.flatMap(({ findings }) => findings)).toEqual([]);
		expect(readdirSync(at.watched)).toEqual([]);
	});

	test("asks once for each commit, and streams each file as often as it is looked at", async () => {
		await verify("hf:org/soup", { soupOf: INGREDIENTS });
		const routes = at.double.requests.map(({ route }) => route);
		const count = (name: string) => routes.filter((route) => route === name).length;
		expect([count("revision"), count("tree")]).toEqual([3, 3]);
		const weights = at.double.requests.filter(({ route, url }) => route === "resolve" && url.includes(".safetensors"));
		expect(weights).toHaveLength(3);
		// CS006 and CS008 each read the soup; CS009 reads a sample of the ingredients besides, in 48 requests for each.
		const shares = (["soup", "augreg", "rewind"] as const).map(
			(name) => sentBytes(at.double, `org/${name}`) / weightBytes(name),
		);
		expect(shares[0]).toBeGreaterThan(1.9);
		expect(shares[0]).toBeLessThan(2.2);
		expect(Math.max(...shares.slice(1))).toBeLessThan(1.4);
		expect(count("storage-get")).toBeLessThanOrEqual(2 * 48 + 40);
	});

	test("takes local ingredients of a remote soup, and remote ones of a local soup", async () => {
		for (const [soup, soupOf] of [
			["hf:org/soup", [digitsPath("augreg"), "hf:org/rewind"]],
			[join(at.folder, "soup"), INGREDIENTS],
		] as const) {
			expect(statuses(await verify(soup, { soupOf, forward: false }))).toMatchObject({
				CS008: "passed",
				CS009: "passed",
			});
		}
	});

	test.each(["org/soup", "org/rewind"])("finds one bit that storage has wrong in %s", async (id) => {
		damageStorage(at.double, id, (await positionOf("visual.head.proj.weight")) + 5);
		const { checks } = await verify("hf:org/soup", { soupOf: INGREDIENTS });
		const found = checks.filter(({ status }) => status === "failed");
		expect(found.map(({ check }) => check)).toEqual(["CS008", "CS002"]);
		expect(found[0]?.findings.map(({ tensor }) => tensor)).toEqual(["visual.head.proj.weight"]);
	});

	test("--recover finds the mixture", async () => {
		const { checks } = await verify("hf:org/soup", { recover: INGREDIENTS, forward: false });
		const found = checks.find(({ check, detail }) => check === "CS008" && detail.includes("0.5"));
		expect([found?.status, found?.findings]).toEqual(["passed", []]);
	});

	test("reads one commit throughout, whatever is pushed meanwhile", async () => {
		const push = () => {
			at.double.repositories.get("org/augreg")?.add({ "open_clip_model.safetensors": "broken" });
		};
		at.double.faults.add({ route: "storage-get", nth: 2, effect: { kind: "meanwhile", act: push } });
		const result = await verify("hf:org/augreg", { soupOf: ["hf:org/augreg"], forward: false });
		expect(statuses(result)).toMatchObject({ CS008: "passed" });
		await expect(verify("hf:org/augreg", { forward: false })).rejects.toMatchObject({ code: "ERR_HEADER_TOO_SMALL" });
	});
});

describe("verify hf: --lock", () => {
	test("reads the weights once, with the digests of whole files", async () => {
		const lock = await lockOfFiles();
		const result = await verify("hf:org/soup", { lock });
		expect(statuses(result)).toMatchObject({ CS002: "passed", CS005: "passed", CS006: "passed", CS007: "passed" });
		expect(detailOf(result, "CS002")).toBe("1 of 1 file of the lock; 1 file against the digests that the Hub lists");
		expect(sentBytes(at.double, "org/soup") / weightBytes("soup")).toBeLessThan(1.2);
		expect(readdirSync(at.watched)).toEqual([]);
	});

	test("finds one bit that storage has wrong although the listing has it right", async () => {
		const lock = await lockOfFiles();
		damageStorage(at.double, "org/soup", (await positionOf("token_embedding.weight")) + 1001);
		const { checks } = await verify("hf:org/soup", { lock });
		const failed = checks.filter(({ status }) => status === "failed");
		expect(failed.map(({ check }) => check)).toEqual(["CS002", "CS005"]);
		expect(failed[0]?.findings[1]).toMatchObject({ cause: "storage or a proxy is at fault" });
		expect(failed[1]?.findings[0]).toMatchObject({ tensor: "token_embedding.weight" });
	});

	test("finds other weights by what the Hub lists", async () => {
		const lock = await lockOfFiles();
		expect(statuses(await verify("hf:org/augreg", { lock }))).toMatchObject({ CS002: "failed", CS005: "failed" });
	});

	test("writes repository and commit, and refuses the lock for another repository", async () => {
		const lock = join(at.folder, "remote.json");
		await verify("hf:org/soup", { writeLock: lock });
		const { model, soup, files } = JSON.parse(readFileSync(lock, "utf8"));
		expect([model.repo, model.revision]).toEqual(["org/soup", at.commits.soup]);
		expect(soup.ingredients).toMatchObject([
			{ name: "augreg", repo: "org/augreg", revision: at.commits.augreg },
			{ name: "rewind", repo: "org/rewind", revision: at.commits.rewind },
		]);
		expect(files).toEqual(JSON.parse(readFileSync(await lockOfFiles(), "utf8")).files);
		const options = { lock, forward: false };
		expect(statuses(await verify("hf:org/soup", options))).toMatchObject({ CS002: "passed", CS005: "passed" });
		expect(statuses(await verify(join(at.folder, "soup"), options))).toMatchObject({ CS005: "passed" });
		at.double.repository("org/copy").add({
			"open_clip_model.safetensors": readFileSync(join(at.folder, "soup", "open_clip_model.safetensors")),
		});
		await expect(verify("hf:org/copy", options)).rejects.toMatchObject({
			code: "ERR_USAGE",
			message: 'Cannot check "hf:org/copy" against the lock: found the lock of org/soup, expected one of org/copy',
		});
		const allowed = await verify("hf:org/copy", { ...options, anyRepo: true });
		expect(statuses(allowed)).toMatchObject({ CS002: "passed", CS005: "passed" });
	});

	test("takes the lock and the recipe from the repository too", async () => {
		const lock = readFileSync(await lockOfFiles());
		at.double.repositories.get("org/soup")?.add({ "clip-soup.lock.json": lock });
		const options: VerifyOptions = {
			lock: "hf:org/soup:clip-soup.lock.json",
			recipe: "hf:org/soup:soup.json",
			soupOf: INGREDIENTS,
			forward: false,
		};
		expect(statuses(await verify("hf:org/soup", options))).toMatchObject({ CS002: "passed", CS008: "passed" });
		await expect(verify("hf:org/soup", { lock: "hf:org/soup:no.json" })).rejects.toMatchObject({
			code: "ERR_INPUT_NOT_FOUND",
		});
	});
});

describe("what needs a folder", () => {
	test("a signature is refused before anything is asked", async () => {
		const work = verify("hf:org/soup", { signature: "model.sig", key: "key.pem" });
		await expect(work).rejects.toMatchObject({ code: "ERR_USAGE", fix: expect.stringContaining("hf download") });
		expect(at.double.takeRoutes()).toEqual([]);
	});

	test.each([
		["hf:org/soup", digitsPath("augreg")],
		[digitsPath("augreg"), "hf:org/soup"],
	])("%s is not compared with %s before --download is given", async (path, other) => {
		await expect(verify(path, { sameAs: [other] })).rejects.toMatchObject({
			code: "ERR_USAGE",
			fix: expect.stringContaining("--download"),
		});
		expect(sentBytes(at.double, "org/soup")).toBeLessThan(weightBytes("soup") / 2);
	});
});

test("the command proves, skips the forward pass, says so, and ends with 0", async () => {
	const args = ["verify", "hf:org/soup", "--soup-of", ...INGREDIENTS];
	const { exitCode, stdout, stderr } = await runCli(args, { env: at.env });
	expect([exitCode, stderr]).toEqual([0, ""]);
	expect(stdout).toContain(`skipped: ${SKIPPED}`);
	expect(stdout).toMatch(new RegExp(`^commit +hf:org/rewind at ${at.commits.rewind}$`, "m"));
	damageStorage(at.double, "org/augreg", (await positionOf("visual.head.proj.weight")) + 5);
	const failed = await runCli([...args, "--report", "github"], { env: at.env });
	expect(failed).toMatchObject({ exitCode: 1 });
	expect(failed.stderr).toMatch(/^::error title=CS008 soup%3A .* \(hf%3Aorg\/soup(%3A\S+)?\)::/m);
	expect(readdirSync(at.watched)).toEqual([]);
});
