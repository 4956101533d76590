import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLocalFile } from "../../src/bytes/local-file.ts";
import type { Progress } from "../../src/progress.ts";
import { Digester } from "../../src/signing/digest.ts";
import { temporaryFolder } from "../support/tmp.ts";

test("files longer than the buffer are digested whole, and the last progress is the end", async () => {
	const path = join(await temporaryFolder(), "file");
	const bytes = Buffer.alloc(5 * 2 ** 19, "clip");
	await writeFile(path, bytes);
	const seen: Progress[] = [];
	const digester = new Digester("sha256", 2 * bytes.length, { onProgress: (progress) => seen.push(progress) });
	await using file = await openLocalFile(path);
	const whole = { start: 0, end: bytes.length };
	const digests = [await digester.digest(file, whole), await digester.digest(file, whole)];
	expect(digests).toEqual(Array(2).fill(createHash("sha256").update(bytes).digest("hex")));
	expect(await digester.digest(file, { start: 7, end: 7 })).toBe(createHash("sha256").digest("hex"));
	expect(seen.at(-1)).toEqual({
		phase: "digest",
		tensorsDone: 0,
		tensorsTotal: 0,
		bytesDone: 2 * bytes.length,
		bytesTotal: 2 * bytes.length,
	});
});
