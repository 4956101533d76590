import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readHeader } from "../../src/safetensors/read-header.ts";
import { headerBytes } from "../support/header-bytes.ts";
import { CountingSource } from "./byte-sources.ts";

const TAR = Buffer.alloc(1024);
TAR.write("model.safetensors");
TAR.write("ustar", 257);

const FOREIGN: readonly [what: string, bytes: Buffer, found: RegExp, fix: RegExp][] = [
	["an empty file", Buffer.alloc(0), /an empty file/, /download it again/],
	[
		"a Git LFS pointer",
		Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
		/Git LFS/,
		/git lfs pull/,
	],
	["an HTML page", Buffer.from("\n<!DOCTYPE html><html>Access denied</html>"), /web page/, /token/],
	["an XML error", Buffer.from('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), /XML/, /token/],
	["a zip archive", Buffer.from("PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl", "latin1"), /zip/, /save_file/],
	["a legacy pickle", Buffer.from("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "latin1"), /pickle/, /save_file/],
	["a GGUF file", Buffer.from("GGUF\x03\0\0\0\x10\0\0\0"), /GGUF/, /\.safetensors/],
	["an HDF5 file", Buffer.from("\x89HDF\r\n\x1a\n\0\0", "latin1"), /HDF5/, /\.safetensors/],
	["a NumPy array", Buffer.from("\x93NUMPY\x01\0v\0{'descr': '<f4'}", "latin1"), /NumPy/, /numpy\.save_file/],
	["a gzip archive", gzipSync(headerBytes("{}")), /gzip/, /unpack/],
	["a zstd archive", Buffer.from("\x28\xb5\x2f\xfd\x04\x58\x29\x00\x00", "latin1"), /zstd/, /unpack/],
	["an xz archive", Buffer.from("\xfd7zXZ\0\0\x04\xe6\xd6", "latin1"), /xz/, /unpack/],
	["a tar archive", TAR, /tar/, /unpack/],
	["a config", Buffer.from('{\n  "embed_dim": 512\n}'), /JSON/, /\.safetensors/],
	["a list in JSON", Buffer.from('[{"a": 1}, {"b": 2}]'), /JSON/, /\.safetensors/],
];

describe("readHeader on other formats", () => {
	it.each(FOREIGN)("names %s and its cure", async (_, bytes, found, fix) => {
		await expect(readHeader(new CountingSource(bytes))).rejects.toMatchObject({
			code: "ERR_FOREIGN_FORMAT",
			message: expect.stringMatching(found),
			fix: expect.stringMatching(fix),
			cause: expect.objectContaining({ name: "ClipSoupError" }),
		});
	});

	it("accepts a valid file whose length field spells a signature", async () => {
		const jsonBrace = "{".charCodeAt(0);
		const bytes = headerBytes("{}".padEnd(jsonBrace));
		expect(bytes[0]).toBe(jsonBrace);
		await expect(readHeader(new CountingSource(bytes))).resolves.toBeDefined();
	});

	it.each([
		["JSON", 0x227b],
		["a pickle", 0x0280],
		["gzip", 0x8b1f],
	])("calls a damaged file damaged although its length field spells %s", async (_, length) => {
		const source = new CountingSource(headerBytes("{".padEnd(length)));
		await expect(readHeader(source)).rejects.toMatchObject({ code: "ERR_HEADER_JSON" });
	});
});
