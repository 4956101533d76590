import { describe, expect, it } from "vitest";
import { parseByteSize } from "../../src/safetensors/byte-size.ts";

describe("parseByteSize", () => {
	it.each([
		["5GB", 5_000_000_000],
		["1.5 MiB", 1_572_864],
		["2TiB", 2_199_023_255_552],
		["10kb", 10_000],
		["1TB", 1_000_000_000_000],
		["7B", 7],
		["4096", 4096],
		["0.0015KB", 1],
	])("reads %s as %i bytes", (text, bytes) => {
		expect(parseByteSize(text)).toBe(bytes);
	});

	it.each([
		"",
		"GB",
		"-1GB",
		"0",
		"0.1B",
		"5XB",
		"5 G B",
		"1e3",
		"Infinity",
		"NaN",
		"0x10",
		"1,5GB",
		"9999999TB",
		"5GBGB",
	])("refuses %j", (text) => {
		expect(() => parseByteSize(text)).toThrow(expect.objectContaining({ code: "ERR_USAGE" }));
	});
});
