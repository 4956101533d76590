import { expect, test } from "vitest";

test("the public API is exactly this", async () => {
	const api = await import("../src/index.ts");
	const kinds = Object.entries(api).map(([name, value]) => `${name}: ${typeof value}`);
	expect(kinds.sort()).toEqual([
		"CHECKS: object",
		"ClipSoupError: function",
		"DTYPES: object",
		"FLOAT_DTYPES: object",
		"FaultsError: function",
		"VERSION: string",
		"average: function",
		"card: function",
		"cardFor: function",
		"classify: function",
		"convert: function",
		"diff: function",
		"embed: function",
		"exportOnnx: function",
		"inspect: function",
		"isClipSoupError: function",
		"openCheckpoint: function",
		"publish: function",
		"sign: function",
		"verify: function",
	]);
});
