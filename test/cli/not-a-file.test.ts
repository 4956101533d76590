import { execFileSync } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";
import { expectFailure, namesIn, UNTOUCHED, workspace } from "./expectations.ts";

const FIX = /give a file that is on disk/;

it.each(["inspect", "avg", "diff"])(
	"%s refuses a named pipe at once instead of waiting for a writer",
	async (command) => {
		const { folder, path } = await workspace();
		execFileSync("mkfifo", [path("pipe.safetensors")]);
		const args = command === "inspect" ? ["pipe.safetensors"] : ["pipe.safetensors", "a.safetensors"];
		const run = await runCli([command, ...args], { cwd: folder });
		expectFailure(run, { code: "ERR_INPUT_NOT_A_FILE", says: ["pipe.safetensors", "a named pipe"], fix: FIX });
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, "pipe.safetensors"]);
	},
);

it("a folder whose weight file is a named pipe is refused at once", async () => {
	const { folder, path } = await workspace();
	await mkdir(path("in"));
	execFileSync("mkfifo", [path("in", "model.safetensors")]);
	const run = await runCli(["inspect", "in"], { cwd: folder });
	expectFailure(run, { code: "ERR_INPUT_NOT_A_FILE", says: ["model.safetensors"], fix: FIX });
});

it("an index that is a named pipe is refused at once", async () => {
	const { folder, path } = await workspace();
	execFileSync("mkfifo", [path("model.safetensors.index.json")]);
	const run = await runCli(["inspect", "model.safetensors.index.json"], { cwd: folder });
	expectFailure(run, { code: "ERR_INPUT_NOT_A_FILE", says: ["a named pipe"], fix: FIX });
});

it.each(["/dev/null", "/dev/zero"])("%s is refused, not read", async (device) => {
	const { folder, a } = await workspace();
	const run = await runCli(["avg", a, device], { cwd: folder });
	expectFailure(run, { code: "ERR_INPUT_NOT_A_FILE", says: [device, "a device"], fix: FIX });
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("a symlink to a device is refused as the device is", async () => {
	const { folder, path } = await workspace();
	await symlink("/dev/zero", path("zero.safetensors"));
	const run = await runCli(["inspect", "zero.safetensors"], { cwd: folder });
	expectFailure(run, { code: "ERR_INPUT_NOT_A_FILE", says: ["a device"], fix: FIX });
});

it("a socket is refused", async () => {
	const { folder } = await workspace();
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(join(folder, "s.safetensors"), resolve));
	const run = await runCli(["inspect", "s.safetensors"], { cwd: folder });
	await new Promise((resolve) => server.close(resolve));
	expectFailure(run, { code: "ERR_INPUT_NOT_A_FILE", says: ["a socket"], fix: FIX });
});

it("an empty folder called like a weight file is a folder without weights", async () => {
	const { folder, path } = await workspace();
	await mkdir(path("x.safetensors"));
	const run = await runCli(["inspect", "x.safetensors"], { cwd: folder });
	expectFailure(run, { code: "ERR_NO_WEIGHT_FILE", says: ["x.safetensors"], fix: /safetensors/ });
});

it("a folder in the place of a folder's weight file is refused", async () => {
	const { folder, path } = await workspace();
	await mkdir(path("in", "model.safetensors"), { recursive: true });
	const run = await runCli(["inspect", "in"], { cwd: folder });
	expectFailure(run, { code: "ERR_INPUT_NOT_A_FILE", says: ["a folder, expected a regular file"], fix: FIX });
});
