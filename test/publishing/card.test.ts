import { readFileSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { average } from "../../src/avg.ts";
import { card } from "../../src/card.ts";
import type { PublishOptions } from "../../src/publish.ts";
import { jsonReport } from "../../src/reports/json.ts";
import { verify } from "../../src/verify.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { publish as publishRepository } from "../hub/repositories.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { commitsOf, publishTo, REPO } from "./publishing.ts";

const WEIGHTS = "open_clip_model.safetensors";
const LOCK = "clip-soup.lock.json";
const INGREDIENTS = [digitsPath("augreg"), digitsPath("rewind")] as const;

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
async function contentOnHub(path: string): Promise<Buffer | undefined> {
	const content = double.repositories.get(REPO)?.resolve("main")?.tree.get(path)?.content;
	return content?.read(0, content.byteLength);
}

async function published(path = "README.md"): Promise<string | undefined> {
	return (await contentOnHub(path))?.toString("utf8");
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

describe("what the author gave for the card", () => {
	const evaluation = "| ImageNet | – | top-1 | 79.4 | – |";

	test("is kept from the folder's card and from that on the Hub, or given to publish", async () => {
		const [results, notes] = [join(dirname(folder), "r.json"), join(dirname(folder), "n.md")];
		await writeFile(results, '{"results":[{"dataset":"ImageNet","metric":"top-1","value":79.4}]}');
		await writeFile(notes, "My training.\n");
		publishRepository(double, "org/augreg", INGREDIENTS[0]);
		publishRepository(double, "org/rewind", INGREDIENTS[1]);
		vi.stubEnv("HF_ENDPOINT", double.hubUrl);
		vi.stubEnv("HF_HOME", dirname(folder));
		onTestFinished(() => {
			vi.unstubAllEnvs();
		});
		const output = join(folder, "README.md");
		await card(folder, { output, results, ingredients: ["hf:org/augreg", "hf:org/rewind"] });
		const { notices } = await publishTo(double, folder, { create: true, notes });
		const told = [evaluation, "## Training\n\nMy training.", "clip-soup avg hf:org/augreg hf:org/rewind -o soup/"];
		for (const text of told) expect(await published()).toContain(text);
		expect(notices.join()).not.toContain("is gone");
		await rm(output);
		const again = await publishTo(double, folder, { push: true });
		expect(again.plan.files.every(({ action }) => action === "same" || action === "keep")).toBe(true);
		await rm(folder, { recursive: true });
		await cp(made, folder, { recursive: true });
		await flipByte();
		await lockAgain();
		await publishTo(double, folder, { push: true });
		for (const text of told) expect(await published()).not.toContain(text);
	});
});

describe("the licences of ingredients that the recipe names", () => {
	const refusal = { code: "ERR_LICENSE", exitCode: 4 };

	test("are the soup's if they agree, and keep it from another one that nobody asked for", async () => {
		vi.stubEnv("HF_ENDPOINT", double.hubUrl);
		vi.stubEnv("HF_HOME", dirname(folder));
		onTestFinished(() => {
			vi.unstubAllEnvs();
		});
		for (const name of ["augreg", "rewind"] as const) {
			publishRepository(double, `org/${name}`, digitsPath(name));
			double.repositories.get(`org/${name}`)?.add({ "README.md": "---\nlicense: mit\n---\n" });
		}
		const publishSoup = async (options: Partial<PublishOptions>) => {
			await rm(folder, { recursive: true, force: true });
			await average(["hf:org/augreg", "hf:org/rewind"], { output: folder });
			return publishTo(double, folder, { dryRun: true, create: true, noLock: true, ...options });
		};
		expect((await publishSoup({ license: undefined })).plan.license).toBe("mit");
		double.repositories.get("org/rewind")?.add({ "README.md": "---\nlicense: cc-by-nc-4.0\n---\n" });
		await expect(publishSoup({ license: undefined })).rejects.toMatchObject(refusal);
		double.repository(REPO).add({ "README.md": "---\nlicense: mit\n---\n" });
		for (const noCard of [false, true]) {
			await expect(publishSoup({ license: undefined, noCard })).rejects.toMatchObject(refusal);
			const { plan, notices } = await publishSoup({ license: "mit", noCard });
			expect(plan.license).toBe("mit");
			expect(notices).toContain("--license mit is not that of all ingredients (augreg mit, rewind cc-by-nc-4.0)");
		}
	});
});

describe("a card that exists", () => {
	const body = "\n# Title\n";

	test.each([
		["a byte order mark", "\ufeff---\nlicense: mit\n---\n"],
		["a blank line above", "\n---\nlicense: mit\n---\n"],
		["a key in quotes", '---\n"license": mit # mine\n---\n'],
	])("names its licence below %s", async (_, front) => {
		await writeFile(join(folder, "README.md"), front + body);
		for (const license of ["mit", undefined]) {
			const { plan } = await publishTo(double, folder, { dryRun: true, create: true, license });
			expect(plan.license).toBe("mit");
		}
	});

	test("has no licence where there is a comment only", async () => {
		await writeFile(join(folder, "README.md"), `---\nlicense:   # todo\n---\n${body}`);
		const missing = { code: "ERR_LICENSE", message: expect.stringContaining("no licence of an ingredient is known") };
		await expect(publishTo(double, folder, { create: true, license: undefined })).rejects.toMatchObject(missing);
		expect((await publishTo(double, folder, { dryRun: true, create: true })).plan.license).toBe("mit");
	});

	test("is refused if it is no UTF-8, and goes as it is with --no-card", async () => {
		const bytes = Buffer.from("---\nlicense: mit\n---\ncaf\u00e9\n", "latin1");
		const refusal = { code: "ERR_CONFIG_INVALID", exitCode: 3 };
		const path = join(folder, "README.md");
		const elsewhere = join(dirname(folder), "card.md");
		await writeFile(path, bytes);
		await writeFile(elsewhere, bytes);
		await expect(publishTo(double, folder, { create: true })).rejects.toMatchObject(refusal);
		await publishTo(double, folder, { create: true, noCard: true });
		expect((await contentOnHub("README.md"))?.equals(bytes)).toBe(true);
		await rm(path);
		for (const options of [{}, { card: elsewhere }]) {
			await expect(publishTo(double, folder, options)).rejects.toMatchObject(refusal);
		}
		const { plan } = await publishTo(double, folder, { dryRun: true, noCard: true, prune: true });
		expect(plan.files.find(({ path: name }) => name === "README.md")?.action).toBe("keep");
	});
});
