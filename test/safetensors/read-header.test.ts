import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openLocalFile } from "../../src/bytes/local-file.ts";
import { readHeader } from "../../src/safetensors/read-header.ts";
import { headerBytes } from "../support/header-bytes.ts";
import { CountingSource } from "./byte-sources.ts";

const ONE_TENSOR = '{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';

describe("readHeader", () => {
	it("tells where header and data are", async () => {
		const located = await readHeader(new CountingSource(headerBytes(`${ONE_TENSOR}  `, 8)));
		expect(located).toMatchObject({
			headerByteLength: ONE_TENSOR.length + 2,
			dataStart: 8 + ONE_TENSOR.length + 2,
			headerSha256: createHash("sha256").update(`${ONE_TENSOR}  `).digest("hex"),
			header: { dataByteLength: 8, tensors: [{ name: "t", dtype: "F32", shape: [2], begin: 0, end: 8 }] },
		});
	});

	it("reads a short header at once", async () => {
		const source = new CountingSource(headerBytes(ONE_TENSOR, 8));
		await readHeader(source);
		expect(source.reads).toEqual([[0, source.byteLength]]);
	});

	it("reads a long header in two reads and no byte of data after its first 512 bytes", async () => {
		const header = ONE_TENSOR.padEnd(10_000);
		const source = new CountingSource(headerBytes(header, 8));
		await readHeader(source);
		expect(source.reads).toEqual([
			[0, 512],
			[512, 8 + 10_000 - 512],
		]);
	});

	it("accepts a file of nearly 2^53 bytes", async () => {
		const end = 2 ** 53 - 4096;
		const header = Buffer.from(`{"t":{"dtype":"U8","shape":[${end}],"data_offsets":[0,${end}]}}`);
		const source = new CountingSource(headerBytes(header), 8 + header.length + end);
		await expect(readHeader(source)).resolves.toMatchObject({ header: { dataByteLength: end } });
	});

	it.each([
		[99_999_999, "accept"],
		[100_000_000, "accept"],
		[100_000_001, "ERR_HEADER_TOO_LARGE"],
	])("meets a header of %i bytes with %s", async (length, expected) => {
		const folder = mkdtempSync(join(tmpdir(), "clip-soup-read-header-"));
		try {
			const path = join(folder, "large.safetensors");
			const bytes = headerBytes(Buffer.alloc(length, " "));
			bytes.write("{}", 8);
			writeFileSync(path, bytes);
			await using file = await openLocalFile(path);
			const outcome = await readHeader(file).then(
				() => "accept",
				(error: { readonly code?: string }) => error.code,
			);
			expect(outcome).toBe(expected);
		} finally {
			rmSync(folder, { recursive: true });
		}
	});

	it("reads nothing more of a file whose header length exceeds it", async () => {
		const bytes = headerBytes(ONE_TENSOR, 8);
		bytes.writeBigUInt64LE(99_999_999n);
		const source = new CountingSource(bytes);
		await expect(readHeader(source)).rejects.toMatchObject({ code: "ERR_HEADER_LENGTH" });
		expect(source.reads).toHaveLength(1);
	});

	it("says how many bytes a file cut short lacks, and to download it again", async () => {
		const folder = mkdtempSync(join(tmpdir(), "clip-soup-read-header-"));
		try {
			const path = join(folder, "cut.safetensors");
			writeFileSync(path, headerBytes(ONE_TENSOR, 8));
			truncateSync(path, 8 + ONE_TENSOR.length + 3);
			await using file = await openLocalFile(path);
			await expect(readHeader(file)).rejects.toMatchObject({
				code: "ERR_FILE_TRUNCATED",
				message: `Cannot read "${path}": found 65 bytes, expected 70 as its header says (missing: 5)`,
				fix: "download it again",
			});
		} finally {
			rmSync(folder, { recursive: true });
		}
	});
});
