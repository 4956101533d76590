import { readdirSync, readFileSync } from "node:fs";
import { symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { READER, STRANGER } from "../support/hub/accounts.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { commitsOf, publishTo, REPO, soupFolder, writesIn } from "./publishing.ts";

let double: HubDouble;
let folder: string;

beforeEach(async () => {
	double = await startHub();
	folder = await soupFolder();
});

const dryRun = { dryRun: true } as const;

function actionsOf({ plan }: Awaited<ReturnType<typeof publishTo>>): Record<string, string> {
	return Object.fromEntries(plan.files.map(({ path, action }) => [path, action]));
}

describe("a dry run", () => {
	test("tells add, replace, same and keep, and sends no write", async () => {
		double.repository(REPO, { isPrivate: true }).add({
			"open_clip_model.safetensors": "older weights",
			"vocab.json": readFileSync(join(folder, "vocab.json")),
			"notes.txt": "theirs",
			"README.md": "---\nlicense: mit\n---\nBy the author.\n",
		});
		const before = readdirSync(dirname(folder));
		const result = await publishTo(double, folder, dryRun);
		expect(actionsOf(result)).toEqual({
			"README.md": "replace",
			"clip-soup.lock.json": "add",
			"merges.txt": "add",
			"notes.txt": "keep",
			"open_clip_config.json": "add",
			"open_clip_model.safetensors": "replace",
			"special_tokens_map.json": "add",
			"tokenizer.json": "add",
			"tokenizer_config.json": "add",
			"vocab.json": "same",
		});
		expect(result.plan).toMatchObject({
			repo: REPO,
			visibility: "private",
			head: double.repositories.get(REPO)?.head,
			target: { kind: "pull-request" },
			license: "mit",
		});
		expect(writesIn(double)).toEqual([]);
		const allowed = new Set(["whoami", "revision", "refs", "tree", "resolve", "validate-yaml"]);
		expect(double.requests.map(({ route }) => route).filter((route) => !allowed.has(route))).toEqual([]);
		expect(readdirSync(dirname(folder))).toEqual(before);
		expect(commitsOf(double)).toBe(1);
	});

	test("sends a body that holds no byte of a file but the card's text", async () => {
		double.repository(REPO);
		await publishTo(double, folder, dryRun);
		const bodies = double.requests.filter(({ requestByteLength }) => requestByteLength > 0);
		expect(bodies.map(({ route }) => route)).toEqual(["validate-yaml"]);
	});

	test("works without a token where the repository is public", async () => {
		double.repository(REPO);
		const environment = { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent" };
		const result = await publishTo(double, folder, { ...dryRun, hub: { environment } });
		expect(result).toMatchObject({ token: undefined, account: undefined });
		await expect(publishTo(double, folder, { hub: { environment } })).rejects.toMatchObject({ code: "ERR_HUB_AUTH" });
		expect(writesIn(double)).toEqual([]);
	});

	test("tells whose token it is", async () => {
		double.repository(REPO);
		expect(await publishTo(double, folder, dryRun)).toMatchObject({ token: "HF_TOKEN", account: "ann, write" });
		double.faults.add({ route: "whoami", times: 9, effect: { kind: "status", status: 504 } });
		expect(await publishTo(double, folder, dryRun)).toMatchObject({ token: "HF_TOKEN", account: undefined });
	});

	test("warns of a token that may only read", async () => {
		double.repository(REPO);
		const environment = { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: READER };
		const { notices } = await publishTo(double, folder, { ...dryRun, hub: { environment } });
		expect(notices).toContain("the token may only read: publishing needs one that may write");
	});
});

describe("the target", () => {
	test.each([
		["a pull request where the repository holds something", {}, { kind: "pull-request" }],
		["main with --push", { push: true }, { kind: "branch", name: "main", isNew: false }],
		["a branch that is made", { branch: "next" }, { kind: "branch", name: "next", isNew: true }],
		["a branch that is there", { branch: "old" }, { kind: "branch", name: "old", isNew: false }],
	] as const)("is %s", async (_, options, target) => {
		const repository = double.repository(REPO);
		repository.add({ "config.json": "{}" });
		repository.refs.set("refs/heads/old", repository.head);
		expect((await publishTo(double, folder, { ...dryRun, ...options })).plan.target).toEqual(target);
	});

	test("is main of an empty repository, and of one that is to be made", async () => {
		const main = { kind: "branch", name: "main", isNew: false };
		double.repository("org/empty").add({ ".gitattributes": "*.bin filter=lfs" });
		expect((await publishTo(double, folder, { ...dryRun, repo: "org/empty" })).plan.target).toEqual(main);
		const { plan } = await publishTo(double, folder, { ...dryRun, create: true });
		expect(plan).toMatchObject({ target: main, head: null, visibility: "private" });
		expect((await publishTo(double, folder, { ...dryRun, create: true, public: true })).plan.visibility).toBe("public");
		expect(double.repositories.has(REPO)).toBe(false);
	});

	test("has to exist unless --create is given", async () => {
		await expect(publishTo(double, folder, dryRun)).rejects.toMatchObject({ code: "ERR_HUB_NOT_FOUND", exitCode: 6 });
	});

	test("keeps its visibility: a wish for another one is refused", async () => {
		double.repository(REPO, { isPrivate: true });
		double.repository("org/open");
		const refusal = { code: "ERR_VISIBILITY", exitCode: 4 };
		await expect(publishTo(double, folder, { public: true })).rejects.toMatchObject(refusal);
		await expect(publishTo(double, folder, { repo: "org/open", private: true })).rejects.toMatchObject(refusal);
		const { notices } = await publishTo(double, folder, { ...dryRun, repo: "org/open" });
		expect(notices).toContain("the repository is public: everyone can see what is published");
		expect(writesIn(double)).toEqual([]);
	});

	test("is refused to those who may not see it", async () => {
		double.repository(REPO, { isPrivate: true });
		const as = (token?: string) => ({
			hub: { environment: { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", ...(token && { HF_TOKEN: token }) } },
		});
		await expect(publishTo(double, folder, as())).rejects.toMatchObject({ exitCode: 5 });
		await expect(publishTo(double, folder, as("hf_nosuchtokennosuchtokennosuchtoken"))).rejects.toMatchObject({
			exitCode: 5,
		});
		await expect(publishTo(double, folder, as(STRANGER))).rejects.toMatchObject({ exitCode: 6 });
		await expect(publishTo(double, folder, { ...as(READER) })).rejects.toMatchObject({ code: "ERR_HUB_FORBIDDEN" });
		expect(commitsOf(double)).toBe(0);
	});
});

describe("plan and receipt", () => {
	test("overwrite neither weights, inputs nor strangers' files, and nothing is sent", async () => {
		double.repository(REPO, { isPrivate: true });
		const beside = (name: string) => join(dirname(folder), name);
		const weights = join(folder, "open_clip_model.safetensors");
		const before = readFileSync(weights);
		for (const name of ["token", "card.md", "notes.json"]) await writeFile(beside(name), name);
		await writeFile(beside("lock.json"), readFileSync(join(folder, "clip-soup.lock.json")));
		await symlink(folder, beside("link"));
		const isInput = { code: "ERR_OUTPUT_IS_INPUT", exitCode: 4, fix: expect.stringContaining("elsewhere") };
		const exists = { code: "ERR_OUTPUT_EXISTS", exitCode: 4, fix: expect.stringContaining("move it away") };
		const hub = { tokenFile: beside("token") };
		const rows = [
			[{ ...dryRun, planOut: weights }, isInput],
			[{ ...dryRun, planOut: join(folder, "new.json") }, isInput],
			[{ receipt: beside("link/vocab.json") }, isInput],
			[{ receipt: beside("token"), hub }, isInput],
			[{ planOut: beside("card.md"), card: beside("card.md") }, isInput],
			[{ receipt: beside("lock.json"), lock: beside("lock.json") }, isInput],
			[{ receipt: beside("notes.json") }, exists],
			[{ ...dryRun, planOut: beside("notes.json") }, exists],
			[{ receipt: beside("x.json"), planOut: beside("x.json") }, { code: "ERR_USAGE" }],
		] as const;
		for (const [options, refusal] of rows) {
			await expect(publishTo(double, folder, options), JSON.stringify(options)).rejects.toMatchObject(refusal);
		}
		expect(readFileSync(weights).equals(before)).toBe(true);
		expect(readFileSync(beside("token"), "utf8")).toBe("token");
		expect(double.requests).toEqual([]);
	});

	test("replace older ones of their kind, and only these", async () => {
		double.repository(REPO, { isPrivate: true });
		const [planOut, receipt] = [join(dirname(folder), "plan.json"), join(dirname(folder), "soup.receipt.json")];
		await publishTo(double, folder, { ...dryRun, planOut });
		await publishTo(double, folder, { planOut });
		const { receipt: second } = await publishTo(double, folder);
		expect(JSON.parse(readFileSync(receipt, "utf8"))).toEqual(second);
		await expect(publishTo(double, folder, { planOut: receipt })).rejects.toMatchObject({ code: "ERR_OUTPUT_EXISTS" });
	});
});

describe("a plan file", () => {
	test("is carried out as it is", async () => {
		double.repository(REPO, { isPrivate: true }).add({ "old.txt": "old" });
		const planOut = join(dirname(folder), "plan.json");
		const { plan } = await publishTo(double, folder, { ...dryRun, planOut });
		expect(JSON.parse(readFileSync(planOut, "utf8"))).toEqual(plan);
		const done = await publishTo(double, folder, { plan: planOut });
		expect(done.receipt).toMatchObject({ plan: plan.id, repo: REPO });
	});

	test("says by itself what it needs: repository, visibility, licence, target, tag", async () => {
		const planOut = join(dirname(folder), "plan.json");
		const unsaid = { plan: planOut, license: undefined };
		const rows = [
			{ repo: "org/other", create: true, license: "apache-2.0" },
			{ create: true, public: true, tag: "v1" },
			{ branch: "next", prune: true },
			{ push: true },
			{ pr: true },
		];
		for (const { repo = REPO, ...options } of rows) {
			const given = { ...dryRun, license: undefined, ...options, repo, planOut };
			const { plan } = await publishTo(double, folder, given);
			if (options.branch) {
				const stale = { code: "ERR_PLAN_STALE", exitCode: 7, message: expect.stringContaining("target") };
				await expect(publishTo(double, folder, { ...unsaid, push: true })).rejects.toMatchObject(stale);
			}
			expect((await publishTo(double, folder, { ...unsaid, repo })).receipt).toMatchObject({ plan: plan.id });
			await writeFile(join(folder, "README.md"), '---\nlicense: "mit" # of the data too\n---\nText.\n');
		}
	});

	test.each([
		["a byte of a file", () => writeFile(join(folder, "merges.txt"), "other"), 'another "merges.txt"'],
		["the head", () => double.repositories.get(REPO)?.add({ x: "y" }), "head "],
		["the licence", () => undefined, "license "],
	] satisfies readonly (readonly [string, () => unknown, string])[])(
		"is refused when %s moved, and nothing is sent",
		async (what, move, found) => {
			double.repository(REPO, { isPrivate: true }).add({ "old.txt": "old" });
			const planOut = join(dirname(folder), "plan.json");
			await publishTo(double, folder, { ...dryRun, planOut });
			await move();
			const license = what === "the licence" ? "apache-2.0" : "mit";
			const work = publishTo(double, folder, { plan: planOut, license });
			await expect(work).rejects.toMatchObject({
				code: "ERR_PLAN_STALE",
				exitCode: 7,
				message: expect.stringContaining(found),
			});
			expect(writesIn(double)).toEqual([]);
		},
	);

	test("that is none or was changed is refused", async () => {
		double.repository(REPO, { isPrivate: true });
		const planOut = join(dirname(folder), "plan.json");
		const { plan } = await publishTo(double, folder, { ...dryRun, planOut });
		await expect(publishTo(double, folder, { plan: `${planOut}.no` })).rejects.toMatchObject({ exitCode: 3 });
		for (const text of ["{", "{}", JSON.stringify({ ...plan, visibility: "public" })]) {
			await writeFile(planOut, text);
			await expect(publishTo(double, folder, { plan: planOut })).rejects.toMatchObject({
				code: "ERR_PLAN_INVALID",
				exitCode: 2,
			});
		}
		expect(writesIn(double)).toEqual([]);
	});
});
