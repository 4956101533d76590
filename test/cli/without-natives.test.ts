import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";
import { expectFailure } from "./expectations.ts";

const AUGREG = resolve("fixtures/digits-clip/augreg");
const REWIND = resolve("fixtures/digits-clip/rewind");
const PICTURE = resolve("fixtures/digits-clip/images/val/1-one/0099.png");

/** What npm leaves out where it does not install. */
const OPTIONAL = ["onnxruntime-node", "sharp"];

let folder: string;
let cli: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "clip-soup-test-"));
	cli = join(folder, "bin/clip-soup.js");
	for (const part of ["bin", "dist", "package.json"]) await cp(part, join(folder, part), { recursive: true });
	await mkdir(join(folder, "node_modules"));
	const names = (await readdir("node_modules")).filter((name) => !OPTIONAL.includes(name) && !name.startsWith("."));
	for (const name of names) await symlink(resolve("node_modules", name), join(folder, "node_modules", name));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("where ONNX Runtime and sharp are not installed", () => {
	it("verify says so, names the platforms, and runs the rest with --no-forward", async () => {
		const run = await runCli(["verify", AUGREG], { cli });
		expectFailure(run, {
			code: "ERR_RUNTIME",
			says: ["Cannot load ONNX Runtime", `${process.platform}-${process.arch}`],
			fix: /Linux.*macOS.*Windows.*--no-forward/,
		});
		expect(run.exitCode).toBe(9);
		expect((await runCli(["verify", AUGREG, "--no-forward"], { cli })).exitCode).toBe(0);
	});

	it("avg, convert, inspect and diff work", async () => {
		const soup = join(folder, "soup");
		for (const args of [
			["avg", AUGREG, REWIND, "-o", soup, "--no-fsync"],
			["convert", soup, "--to", "hf", "-o", join(folder, "hf"), "--no-fsync"],
			["inspect", soup, "--data"],
			["diff", soup, soup],
		]) {
			const { exitCode, stderr } = await runCli(args, { cli });
			expect([args[0], exitCode], stderr).toEqual([args[0], 0]);
		}
	});

	it("embed names what it lacks", async () => {
		const run = await runCli(["embed", AUGREG, "--image", PICTURE], { cli });
		expect([run.exitCode, run.stderr]).toEqual([
			9,
			expect.stringMatching(/ERR_RUNTIME.*Cannot load (sharp|ONNX Runtime)/),
		]);
	});
});
