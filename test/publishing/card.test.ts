import { readFileSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { average } from "../../src/avg.ts";
import { jsonReport } from "../../src/reports/json.ts";
import { verify } from "../../src/verify.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { commitsOf, publishTo, REPO } from "./publishing.ts";

const WEIGHTS = "open_clip_model.safetensors";
const LOCK = "clip-soup.lock.json";
const INGREDIENTS = [digitsPath("augreg"), digitsPath("rewind")];

let made: string;
let double: HubDouble;
let folder: string;

/** A soup with its lock, and a report that proves it. */
beforeAll(async () => {
	made = join(await mkdtemp(join(tmpdir(), "clip-soup-test-")), "soup");
	await average(INGREDIENTS, { output: made });
	const verification = await verify(made, { soupOf: INGREDIENTS, forward: false, digests: true });
	await writeFile(join(made, "verify.json"), jsonReport(verification));
	await verify(made, { writeLock: join(made, LOCK), forward: false });
});

afterAll(() => rm(dirname(made), { recursive: true, force: true }));

beforeEach(async () => {
	double = await startHub();
	folder = join(await temporaryFolder(), "soup");
	await cp(made, folder, { recursive: true });
});

/** A bit of the last tensor becomes another one. */
async function flipByte(): Promise<void> {
	const bytes = readFileSync(join(folder, WEIGHTS));
	bytes[bytes.length - 8] = (bytes[bytes.length - 8] ?? 0) ^ 1;
	await writeFile(join(folder, WEIGHTS), bytes);
}

function lockAgain(): Promise<unknown> {
	return verify(folder, { writeLock: join(folder, LOCK), forward: false });
}

function digestIn(path: string): string {
	return JSON.parse(readFileSync(path, "utf8")).modelDigest;
}

/** A file as it is on the Hub. */
async function published(path = "README.md"): Promise<string | undefined> {
	const content = double.repositories.get(REPO)?.resolve("main")?.tree.get(path)?.content;
	return (await content?.read(0, content.byteLength))?.toString("utf8");
}

describe("the card tells of the weights that are published", () => {
	test("with the report of verify that is of them, to the bit", async () => {
		await publishTo(double, folder, { create: true });
		expect(await published()).toContain("| CS008 | The soup is the average of its ingredients | passed |");
		expect(await published()).toContain(digestIn(join(folder, LOCK)));
		await flipByte();
		await lockAgain();
		const { notices } = await publishTo(double, folder, { push: true });
		expect(await published()).not.toContain("CS008");
		expect(await published()).toContain(digestIn(join(folder, LOCK)));
		expect(notices.join()).toContain("verify.json is left out: it is of other weights");
		expect(commitsOf(double)).toBe(2);
	});

	test("with the lock that was compared, and without one that was not", async () => {
		const stale = digestIn(join(folder, LOCK));
		const right = join(dirname(folder), "right.json");
		await flipByte();
		await verify(folder, { writeLock: right, forward: false });
		const { leftOut, notices } = await publishTo(double, folder, { create: true, noLock: true });
		expect(await published(LOCK)).toBeUndefined();
		expect(await published()).not.toMatch(/Model digest|CS008/);
		expect(await published()).not.toContain(stale);
		expect(leftOut).toContain(LOCK);
		expect(notices.join()).toContain("verify.json is left out: only a lock tells");
		await publishTo(double, folder, { push: true, lock: right });
		expect(await published(LOCK)).toBe(readFileSync(right, "utf8"));
		expect(await published()).toContain(digestIn(right));
		expect(await published()).not.toContain(stale);
		const without = await publishTo(double, folder, { dryRun: true, noLock: true });
		expect(without.notices.join()).toContain(`${LOCK} on the Hub stays as it is`);
	});

	test("without a recipe that is of others, by the digest in it", async () => {
		await rm(folder, { recursive: true });
		await average(INGREDIENTS, { output: folder, digests: true });
		await flipByte();
		await lockAgain();
		const { notices } = await publishTo(double, folder, { create: true });
		expect(await published()).not.toContain("## Recipe");
		expect(notices.join()).toContain("the recipe is of other weights than these");
	});
});
