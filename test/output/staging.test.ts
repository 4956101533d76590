import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Staging } from "../../src/output/staging.ts";
import { resolveTarget } from "../../src/output/target.ts";
import { temporaryFolder } from "../support/tmp.ts";

const OPTIONS = { force: false, fsync: true };

async function namesIn(folder: string): Promise<string[]> {
	return (await readdir(folder, { recursive: true })).sort();
}

async function stage(output: string, commit: boolean, force = false): Promise<void> {
	await using staging = await Staging.open(await resolveTarget(output), { ...OPTIONS, force });
	staging.addBytes("hf/vision/model.safetensors", Buffer.from("new weights"));
	staging.addBytes("config.json", Buffer.from("new config"));
	if (commit) await staging.commit();
}

describe("Staging", () => {
	test.each(["", "made/with/parents"])("publishes files and their folders below %o", async (below) => {
		const folder = await temporaryFolder();
		await stage(join(folder, below), true);
		expect(await readFile(join(folder, below, "hf/vision/model.safetensors"), "utf8")).toBe("new weights");
		expect((await namesIn(folder)).filter((name) => name.includes("clip-soup"))).toEqual([]);
	});

	test.each(["", "made/with/parents"])("leaves nothing below %o without a commit", async (below) => {
		const folder = await temporaryFolder();
		await stage(join(folder, below), false);
		expect(await namesIn(folder)).toEqual([]);
	});

	test("takes back what it had published when a later name has appeared meanwhile", async () => {
		const folder = await temporaryFolder();
		await using staging = await Staging.open(await resolveTarget(folder), OPTIONS);
		staging.addBytes("a.json", Buffer.from("a"));
		staging.addBytes("b.json", Buffer.from("b"));
		await writeFile(join(folder, "b.json"), "someone else's");
		await expect(staging.commit()).rejects.toMatchObject({ code: "ERR_OUTPUT_EXISTS" });
		await staging[Symbol.asyncDispose]();
		expect(await namesIn(folder)).toEqual(["b.json"]);
		expect(await readFile(join(folder, "b.json"), "utf8")).toBe("someone else's");
	});

	test.each([
		[true, "ERR_IO"],
		[false, undefined],
	])("sends bytes to the disk while work goes on, fsync %o, and its errors to the commit", async (fsync, code) => {
		const folder = await temporaryFolder();
		await using staging = await Staging.open(await resolveTarget(folder), { ...OPTIONS, fsync });
		const { descriptor } = staging.add("a.bin", 10);
		const done = await staging.whileWriting(async () => {
			closeSync(descriptor);
			// More than one pause: whatever syncs the descriptor meanwhile fails.
			await wait(350);
			// The lowest free number is given out again, so that the commit itself has nothing to complain of.
			expect(openSync(join(folder, "other"), "w")).toBe(descriptor);
			return "done";
		});
		expect(done).toBe("done");
		const commit = staging.commit();
		if (code === undefined) await commit;
		else await expect(commit).rejects.toMatchObject({ code });
	});

	test("leaves an error of the work to its caller", async () => {
		await using staging = await Staging.open(await resolveTarget(await temporaryFolder()), OPTIONS);
		staging.addBytes("a.json", Buffer.from("a"));
		await expect(staging.whileWriting(() => Promise.reject(new RangeError("of the work")))).rejects.toThrow(
			"of the work",
		);
	});

	test("replaces exactly its own names with force", async () => {
		const folder = await temporaryFolder();
		await writeFile(join(folder, "config.json"), "old config");
		await writeFile(join(folder, "notes.txt"), "mine");
		await stage(folder, true, true);
		expect(await readFile(join(folder, "config.json"), "utf8")).toBe("new config");
		expect(await readFile(join(folder, "notes.txt"), "utf8")).toBe("mine");
	});

	test("removes what a dead run of this machine left, and nothing else", async () => {
		const folder = await temporaryFolder();
		const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
		// The largest process id that Linux can give out is below 2^22.
		const dead = 2 ** 22 + 1;
		const leftover = (machine: string, pid: number) => `.soup.safetensors.clip-soup-${machine}-${pid}-0123456789ab`;
		await writeFile(join(folder, leftover(host, dead)), "");
		await mkdir(join(folder, "vision"));
		await writeFile(join(folder, "vision", leftover(host, dead)), "");
		const kept = [leftover(host, process.pid), leftover("00000000", dead), ".soup.safetensors.clip-soup-notes"];
		for (const name of kept) await writeFile(join(folder, name), "");
		await using _ = await Staging.open(await resolveTarget(folder), { ...OPTIONS, folders: ["vision"] });
		expect(await namesIn(folder)).toEqual([...kept, "vision"].sort());
	});
});
