import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { decodePicture } from "../../src/images/decode.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { FOLDER, largestDifference, readBytes } from "./golden.ts";

const CASES = `${FOLDER}/cases`;

/** Of 255, per sample: what another build of libjpeg or libwebp may round otherwise. None does at present. */
const DECODER_TOLERANCE = 1;

describe("decodePicture", async () => {
	const decoded = [...(await readBytes("cases"))].filter(([key]) => key.endsWith("|decoded"));

	test.each(decoded)("decodes %s to Pillow's samples, but for the decoder's rounding", async (key, expected) => {
		const { data } = await decodePicture(`${CASES}/${key.replace("|decoded", "")}`);
		expect(largestDifference(data, expected)).toBeLessThanOrEqual(DECODER_TOLERANCE);
	});

	it("is tested with eight lossy pictures", () => {
		expect(decoded.length).toBe(8);
	});

	it.each([
		["1-bit-grey.png", "1"],
		["2-bit-grey.png", "L"],
		["grey.jpg", "L"],
		["palette-of-4.png", "P"],
		["16-bit-rgb.png", "RGB"],
		["one-colour-transparent.png", "L"],
		["420.jpg", "RGB"],
		["lossless.webp", "RGB"],
		["alpha.webp", "RGBA"],
		["grey-alpha.png", "RGBA"],
		["16-bit-rgba.png", "RGBA"],
		["cmyk.jpg", "CMYK"],
	])("gives %s Pillow's mode %s", async (file, mode) => {
		const path = `${CASES}/${file}`;
		expect(await decodePicture(path)).toMatchObject({ path, mode, width: 40, height: 27 });
	});

	it("does not turn a picture by its EXIF", async () => {
		const { width, height } = await decodePicture(`${CASES}/exif-rotated.jpg`);
		expect([width, height]).toEqual([40, 27]);
	});

	it("does not apply an ICC profile, which would swap red and blue here", async () => {
		const [plain, profiled] = await Promise.all(
			["exif-rotated.png", "icc.png"].map((file) => decodePicture(`${CASES}/${file}`)),
		);
		expect(profiled?.data).toEqual(plain?.data);
	});

	it("tells a picture by its bytes, not by its name", async () => {
		const path = join(await temporaryFolder(), "picture.jpg");
		await writeFile(path, await readFile(`${CASES}/small.png`));
		expect(await decodePicture(path)).toMatchObject({ mode: "RGB", width: 7, height: 5 });
	});

	it.each([
		["a GIF", "picture.gif", /found another kind of file, expected a JPEG, PNG or WebP picture$/],
		["a text", "../README.md", /found another kind of file/],
		["16-bit grey", "16-bit-grey.png", /found 16-bit grey, of which open_clip makes white, expected 8 bits/],
		["an animation", "animated.webp", /found 2 frames, expected one$/],
	])("refuses %s", async (_, file, message) => {
		await expect(decodePicture(`${CASES}/${file}`)).rejects.toMatchObject({
			code: "ERR_IMAGE_INVALID",
			message: expect.stringMatching(message),
		});
	});

	it.each([
		"420.jpg",
		"444-progressive.jpg",
		"cmyk.jpg",
		"rgba.png",
		"palette.png",
		"1-bit-grey.png",
		"lossless.webp",
		"lossy.webp",
	])("refuses %s when its second half is missing", async (file) => {
		const bytes = await readFile(`${CASES}/${file}`);
		await expectDamaged(bytes.subarray(0, bytes.length / 2));
	});

	it.each([0, 1, 2, 3, 8, 11, 12, 20, 30, 33, 40])("refuses the first %i bytes of a picture", async (length) => {
		for (const file of ["420.jpg", "rgba.png", "lossy.webp"]) {
			const bytes = await readFile(`${CASES}/${file}`);
			await expectInvalid(bytes.subarray(0, length));
		}
	});

	it("refuses a PNG with a flipped bit in its pixels", async () => {
		const bytes = await readFile(`${CASES}/rgba.png`);
		bytes[2000] = (bytes[2000] ?? 0) ^ 1;
		await expectDamaged(bytes);
	});

	it.each([
		[13_378, 13_378],
		[65_536, 1],
		[1, 65_536],
	])("refuses %i × %i pixels before it decodes any", async (width, height) => {
		const bytes = await readFile(`${CASES}/rgba.png`);
		const message = `found ${width} × ${height} pixels, expected at most 178956970 pixels, and 65535 a side`;
		await expectInvalid(withSize(bytes, width, height), new RegExp(`${message}$`));
	});

	it("refuses what is not there, and what is no file", async () => {
		const folder = await temporaryFolder();
		const pipe = join(folder, "pipe.png");
		if (process.platform !== "win32") {
			execFileSync("mkfifo", [pipe]);
			await expect(decodePicture(pipe)).rejects.toMatchObject({ code: "ERR_INPUT_NOT_A_FILE" });
		}
		await expect(decodePicture(folder)).rejects.toMatchObject({ code: "ERR_INPUT_NOT_A_FILE" });
		await expect(decodePicture(join(folder, "none.png"))).rejects.toMatchObject({ code: "ERR_INPUT_NOT_FOUND" });
	});
});

describe("decodePicture without sharp", () => {
	afterEach(() => {
		vi.doUnmock("sharp");
	});

	it("names platform and cure", async () => {
		vi.doMock("sharp", () => {
			throw new Error("no binary");
		});
		await expect(decodePicture(`${CASES}/small.png`)).rejects.toMatchObject({
			code: "ERR_RUNTIME",
			message: expect.stringContaining(`Cannot load sharp on ${process.platform}-${process.arch}: `),
			fix: expect.stringContaining("npm install"),
		});
	});
});

async function expectDamaged(bytes: Uint8Array): Promise<void> {
	await expectInvalid(bytes, /found a damaged picture \(.+\), expected a whole one$/);
}

async function expectInvalid(bytes: Uint8Array, message: RegExp = /^Cannot read ".+": found /): Promise<void> {
	const path = join(await temporaryFolder(), "picture");
	await writeFile(path, bytes);
	await expect(decodePicture(path)).rejects.toMatchObject({
		code: "ERR_IMAGE_INVALID",
		message: expect.stringMatching(message),
	});
}

/** A PNG whose header claims another size. */
function withSize(png: Buffer, width: number, height: number): Buffer {
	const out = Buffer.from(png);
	out.writeUInt32BE(width, 16);
	out.writeUInt32BE(height, 20);
	out.writeUInt32BE(crc32(out.subarray(12, 29)), 29);
	return out;
}
