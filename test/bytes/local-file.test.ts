import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLocalFile } from "../../src/bytes/local-file.ts";

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "clip-soup-local-file-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
	const path = join(folder, name);
	writeFileSync(path, text);
	return path;
}

function canRead(path: string): boolean {
	try {
		accessSync(path, constants.R_OK);
		return true;
	} catch {
		return false;
	}
}

describe("openLocalFile", () => {
	it("opens a regular file and reads ranges of it", async () => {
		await using file = await openLocalFile(write("digits", "0123456789"));
		const target = Buffer.alloc(3);
		await file.read(4, target);
		expect(target.toString()).toBe("456");
		expect(file).toMatchObject({
			name: join(folder, "digits"),
			byteLength: 10,
			file: { path: join(folder, "digits") },
		});
	});

	it("follows a symlink and knows that both are one file", async () => {
		const path = write("target", "x");
		symlinkSync(path, join(folder, "link"));
		await using target = await openLocalFile(path);
		await using link = await openLocalFile(join(folder, "link"));
		expect([link.file.device, link.file.inode]).toEqual([target.file.device, target.file.inode]);
	});

	it("refuses a path that does not exist", async () => {
		await expect(openLocalFile(join(folder, "none"))).rejects.toMatchObject({ code: "ERR_INPUT_NOT_FOUND" });
		await expect(openLocalFile(join(write("file", ""), "none"))).rejects.toMatchObject({ code: "ERR_INPUT_NOT_FOUND" });
	});

	it("refuses a folder", async () => {
		mkdirSync(join(folder, "sub"));
		await expect(openLocalFile(join(folder, "sub"))).rejects.toMatchObject({
			code: "ERR_INPUT_NOT_A_FILE",
			message: `Cannot open "${join(folder, "sub")}": found a folder, expected a regular file`,
		});
	});

	it.skipIf(process.platform === "win32")("refuses a named pipe without waiting for its writer", async () => {
		const path = join(folder, "pipe");
		execFileSync("mkfifo", [path]);
		await expect(openLocalFile(path)).rejects.toMatchObject({ code: "ERR_INPUT_NOT_A_FILE" });
	});

	it.skipIf(process.platform === "win32")("refuses a device", async () => {
		await expect(openLocalFile("/dev/zero")).rejects.toMatchObject({ code: "ERR_INPUT_NOT_A_FILE" });
	});

	it.skipIf(process.platform === "win32")("refuses a socket", async () => {
		const path = join(folder, "socket");
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(path, resolve));
		await expect(openLocalFile(path)).rejects.toMatchObject({ code: "ERR_INPUT_NOT_A_FILE" });
		await new Promise((resolve) => server.close(resolve));
	});

	it("refuses a file without permission to read", async (context) => {
		const path = write("secret", "x");
		chmodSync(path, 0);
		context.skip(canRead(path), "this user reads everything");
		await expect(openLocalFile(path)).rejects.toMatchObject({ code: "ERR_INPUT_UNREADABLE" });
	});

	it("refuses a path that no system call takes", async () => {
		await expect(openLocalFile("a\0b")).rejects.toMatchObject({ code: "ERR_INPUT_UNREADABLE" });
	});
});

describe("LocalFile", () => {
	it("refuses to read past its end", async () => {
		await using file = await openLocalFile(write("digits", "0123456789"));
		await expect(file.read(8, Buffer.alloc(3))).rejects.toMatchObject({ code: "ERR_FILE_TRUNCATED" });
	});

	it("notices that it grew, shrank or was written to", async () => {
		const path = write("changing", "before");
		await using file = await openLocalFile(path);
		await expect(file.assertUnchanged()).resolves.toBeUndefined();
		writeFileSync(path, "afterwards");
		await expect(file.assertUnchanged()).rejects.toMatchObject({ code: "ERR_INPUT_CHANGED" });
	});
});
