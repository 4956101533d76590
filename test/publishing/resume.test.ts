import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { WRITER } from "../support/hub/accounts.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { runCli } from "../support/run-cli.ts";
import { publishTo, REPO, soupFolder } from "./publishing.ts";

interface Point {
	/** Route whose request takes effect while the process is killed. */
	readonly route: string;
	readonly nth: number;
	readonly flags: readonly string[];
	/** Objects of 1.8 MB go in parts of this size. */
	readonly partByteLength?: number;
}

const POINTS: readonly Point[] = [
	{ route: "create", nth: 1, flags: ["--create"] },
	{ route: "preupload", nth: 1, flags: ["--create"] },
	{ route: "lfs-batch", nth: 1, flags: ["--push"] },
	{ route: "storage-put", nth: 1, flags: ["--push"] },
	{ route: "storage-part", nth: 3, flags: ["--push"], partByteLength: 500_000 },
	{ route: "discussions", nth: 1, flags: [] },
	{ route: "preupload", nth: 2, flags: [] },
	{ route: "commit", nth: 1, flags: [] },
	{ route: "commit", nth: 1, flags: ["--push"] },
	{ route: "paths-info", nth: 1, flags: [] },
	{ route: "storage-get", nth: 1, flags: ["--push"] },
	{ route: "tag", nth: 1, flags: [] },
];

/** Runs the command and kills it with SIGKILL at that point. */
async function killAt(double: HubDouble, folder: string, { route, nth, flags }: Point): Promise<void> {
	let child: ChildProcess | undefined;
	double.faults.add({ route, nth, effect: { kind: "meanwhile", act: () => child?.kill("SIGKILL") } });
	const run = await runCli(["publish", folder, "--repo", REPO, "--license", "mit", "--tag", "v1", ...flags], {
		env: { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: WRITER },
		onSpawn: (spawned) => {
			child = spawned;
		},
	});
	expect([run.signal, run.stdout, run.stderr]).toEqual(["SIGKILL", "", ""]);
}

/** Uploads that storage took, by object or by part. */
function sentIn(double: HubDouble): string[] {
	return double.requests
		.filter(({ method, server, status }) => server === "storage" && method === "PUT" && status === 200)
		.map(({ url }) => url.split("?")[0] ?? "");
}

describe("a run that is killed is taken up by the next one", () => {
	test.each(POINTS)("at request $nth to $route with $flags", async (point) => {
		const double = await startHub();
		const folder = await soupFolder();
		double.partByteLength = point.partByteLength ?? Number.POSITIVE_INFINITY;
		if (!point.flags.includes("--create")) double.repository(REPO, { isPrivate: true }).add({ "old.txt": "old" });
		await killAt(double, folder, point);
		expect(existsSync(join(dirname(folder), ".clip-soup"))).toBe(true);

		const [create, push] = [point.flags.includes("--create"), point.flags.includes("--push")];
		const held = new Set(double.objects.keys());
		const before = sentIn(double).length;
		const { receipt } = await publishTo(double, folder, { create, push, tag: "v1" });

		const { commits = new Map(), discussions = [], refs } = double.repositories.get(REPO) ?? {};
		const own = [...commits.values()].filter(({ title }) => title.startsWith("Publish"));
		expect(own.map(({ id }) => id)).toEqual([receipt?.commit]);
		expect(refs?.get("refs/tags/v1")).toBe(receipt?.commit);
		expect(discussions.map(({ status }) => status)).toEqual(create || push ? [] : ["open"]);
		const again = sentIn(double).slice(before);
		expect(again.filter((url) => held.has(url.replace("/objects/", "")))).toEqual([]);
		if (held.size > 0) expect(again).toEqual([]);
		expect(readdirSync(dirname(folder)).sort()).toEqual(["soup", "soup.receipt.json"]);
	});
});

test.each([
	["storage-put", "nothing was committed"],
	["discussion-status", /the Hub has pull request \S+\/discussions\/1, commit [0-9a-f]{40} on refs\/pr\/1/],
	["commit", /the Hub has pull request \S+\/discussions\/1, perhaps a commit to refs\/pr\/1/],
])("an interruption at %s tells what is on the Hub", async (route, left) => {
	const double = await startHub();
	const folder = await soupFolder();
	double.repository(REPO, { isPrivate: true }).add({ "old.txt": "old" });
	let child: ChildProcess | undefined;
	double.faults.add({ route, effect: { kind: "silence", act: () => child?.kill("SIGTERM") } });
	const run = await runCli(["publish", folder, "--repo", REPO, "--license", "mit"], {
		env: { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: WRITER },
		onSpawn: (spawned) => {
			child = spawned;
		},
	});
	expect(run.exitCode).toBe(143);
	expect(run.stderr).toMatch(left);
	expect(run.stderr).toMatch(/^Interrupted by SIGTERM: .*; run it again to go on from there\n$/);
});

test("--no-resume leaves nothing for a later run", async () => {
	const double = await startHub();
	const folder = await soupFolder();
	double.faults.add({ route: "commit", effect: { kind: "status", status: 403 } });
	await expect(publishTo(double, folder, { create: true, noResume: true })).rejects.toMatchObject({ exitCode: 5 });
	expect(readdirSync(dirname(folder))).toEqual(["soup"]);
});
