import { beforeEach, describe, expect, test } from "vitest";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import type { Effect } from "../support/hub/faults.ts";
import { commitsOf, publishTo, REPO, soupFolder, writesIn } from "./publishing.ts";

let double: HubDouble;
let folder: string;

beforeEach(async () => {
	double = await startHub();
	folder = await soupFolder();
	double.repository(REPO, { isPrivate: true }).add({ "old.txt": "old" });
});

function statuses(): string[] {
	return (double.repositories.get(REPO)?.discussions ?? []).map(({ status }) => status);
}

function status(code: number): Effect {
	return { kind: "status", status: code };
}

/** What a maintainer does to a pull request, from 1. */
function setStatus(number: number, to: string): void {
	const found = double.repositories.get(REPO)?.discussions[number - 1];
	if (found) found.status = to;
}

describe("a change has one pull request", () => {
	test("also when it is published again, with a tag or without, and when reviewers built on it", async () => {
		const first = await publishTo(double, folder);
		double.requests.length = 0;
		const second = await publishTo(double, folder, { tag: "v1", noResume: true });
		expect(second.receipt).toMatchObject({ commit: first.receipt?.commit, pullRequest: { number: 1 }, tag: "v1" });
		expect(second.notices).toContain("pull request 1 is there already and has the commit: no second one is opened");
		expect(writesIn(double).map(({ route }) => route)).toEqual(["tag"]);
		double.repositories.get(REPO)?.add({ "merges.txt": "by a reviewer" }, "refs/pr/1");
		const third = await publishTo(double, folder);
		expect(third.receipt).toMatchObject({ commit: first.receipt?.commit, pullRequest: { number: 1 } });
		expect([statuses(), commitsOf(double)]).toEqual([["open"], 3]);
	});

	test("which gets the commit that an earlier run did not come to", async () => {
		const stop = new AbortController();
		const act = () => stop.abort(new Error("enough"));
		double.faults.add({ route: "preupload", nth: 2, effect: { kind: "meanwhile", act } });
		await expect(publishTo(double, folder, { noResume: true }, { signal: stop.signal })).rejects.toThrow("enough");
		expect([statuses(), commitsOf(double)]).toEqual([["draft"], 1]);
		const { receipt } = await publishTo(double, folder, { noResume: true });
		expect(receipt).toMatchObject({ pullRequest: { number: 1 } });
		expect([statuses(), commitsOf(double)]).toEqual([["open"], 2]);
	});

	test("and a new one, which is told, if somebody closed it", async () => {
		double.faults.add({ route: "paths-info", effect: status(404) });
		await expect(publishTo(double, folder)).rejects.toMatchObject({ exitCode: 8 });
		setStatus(1, "closed");
		const { receipt, notices } = await publishTo(double, folder);
		expect(receipt).toMatchObject({ pullRequest: { number: 2 } });
		expect(notices).toContain("pull request 1 of this change was closed: another one is opened");
		expect(statuses()).toEqual(["closed", "open"]);
	});
});

describe("a commit that is refused for good", () => {
	test.each([
		["403", status(403), 5],
		["413", status(413), 6],
		["503, until no try is left", status(503), 6],
		["412", { kind: "meanwhile", act: () => double.repositories.get(REPO)?.add({ x: "y" }, "refs/pr/1") }, 7],
	] as const)("by %s leaves no draft that is empty", async (name, effect, exitCode) => {
		double.faults.add({ route: "commit", times: 99, effect });
		await expect(publishTo(double, folder)).rejects.toMatchObject({ exitCode });
		expect(statuses()).toEqual([name === "412" ? "draft" : "closed"]);
	});

	test("because main moved as the pull request was opened leaves none either", async () => {
		const act = () => double.repositories.get(REPO)?.add({ "theirs.txt": "x" });
		double.faults.add({ route: "discussions", effect: { kind: "meanwhile", act } });
		await expect(publishTo(double, folder)).rejects.toMatchObject({ code: "ERR_HUB_CONFLICT", exitCode: 7 });
		expect(statuses()).toEqual(["closed"]);
	});

	test("is what is told, also where closing fails", async () => {
		double.faults.add({ route: "commit", effect: status(413) }, { route: "discussion-status", effect: status(403) });
		await expect(publishTo(double, folder)).rejects.toMatchObject({ code: "ERR_HUB_REJECTED", exitCode: 6 });
		expect(statuses()).toEqual(["draft"]);
		await publishTo(double, folder);
		expect(statuses()).toEqual(["open"]);
	});
});

test("a pull request that cannot be shown is told as what it is: committed, tagged, a draft", async () => {
	double.faults.add({ route: "discussion-status", effect: status(403) });
	const error = await publishTo(double, folder, { tag: "v1" }).catch((thrown: unknown) => thrown);
	expect(error).toMatchObject({
		code: "ERR_COMMITTED_UNVERIFIED",
		message: expect.stringContaining("stays a draft"),
		fix: expect.stringContaining('the tag "v1" is made'),
	});
	await publishTo(double, folder, { tag: "v1" });
	expect([statuses(), commitsOf(double)]).toEqual([["open"], 2]);
});
