import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readFully, writeFully } from "../../src/bytes/descriptor.ts";

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "clip-soup-descriptor-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function withDescriptor<T>(path: string, flags: string, use: (descriptor: number) => T): T {
	const descriptor = openSync(path, flags);
	try {
		return use(descriptor);
	} finally {
		closeSync(descriptor);
	}
}

describe("readFully", () => {
	it("fills the target from the position on", () => {
		const path = join(folder, "digits");
		writeFileSync(path, "0123456789");
		const target = Buffer.alloc(4);
		withDescriptor(path, "r", (descriptor) => readFully(descriptor, target, 3));
		expect(target.toString()).toBe("3456");
	});

	it("fills a view of shared memory and nothing beside it", () => {
		const path = join(folder, "digits");
		writeFileSync(path, "0123456789");
		const memory = new Uint8Array(new SharedArrayBuffer(6));
		withDescriptor(path, "r", (descriptor) => readFully(descriptor, memory.subarray(1, 5), 6));
		expect([...memory]).toEqual([0, ...Buffer.from("6789"), 0]);
	});

	it("refuses a file that ends early, with both positions", () => {
		const path = join(folder, "digits");
		writeFileSync(path, "0123456789");
		const read = () => withDescriptor(path, "r", (descriptor) => readFully(descriptor, Buffer.alloc(4), 8, "digits"));
		expect(read).toThrow(
			expect.objectContaining({
				code: "ERR_FILE_TRUNCATED",
				message: 'Cannot read "digits": found its end at byte 10, expected at least 12 bytes',
			}),
		);
	});

	it("reports what the system refuses", () => {
		const read = () => withDescriptor(folder, "r", (descriptor) => readFully(descriptor, Buffer.alloc(1), 0));
		expect(read).toThrow(expect.objectContaining({ code: "ERR_IO", message: expect.stringContaining("EISDIR") }));
	});
});

describe("writeFully", () => {
	it("writes all bytes at the position", () => {
		const path = join(folder, "out");
		withDescriptor(path, "w", (descriptor) => writeFully(descriptor, Buffer.from("abc"), 2));
		expect(readFileSync(path)).toEqual(Buffer.from("\0\0abc"));
	});

	it.runIf(process.platform === "linux")("tells a full disk from other failures", () => {
		const writeTo = (path: string, flags: string) => () =>
			withDescriptor(path, flags, (descriptor) => writeFully(descriptor, Buffer.from("abc"), 0));
		const readOnly = join(folder, "read-only");
		writeFileSync(readOnly, "");
		expect(writeTo("/dev/full", "w")).toThrow(expect.objectContaining({ code: "ERR_NO_SPACE" }));
		expect(writeTo(readOnly, "r")).toThrow(expect.objectContaining({ code: "ERR_IO" }));
	});
});
