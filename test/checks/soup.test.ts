import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkSoup } from "../../src/checks/soup.ts";
import { openSubjects } from "./subjects.ts";

const FOLDER = "fixtures/averaging";

interface Case {
	readonly expected: string;
	readonly inputs: readonly string[];
	readonly weights: readonly number[] | null;
	readonly normalize: boolean;
}

const CASES: readonly Case[] = JSON.parse(readFileSync(join(FOLDER, "cases.json"), "utf8"));

/** Threads, and bytes of a buffer: the usual one, and an odd one. */
const WAYS = [
	{ threads: 1, chunkByteLength: undefined },
	{ threads: 2, chunkByteLength: 1000 },
];

describe.each(CASES)("checkSoup passes $expected", ({ expected, inputs, weights, normalize }) => {
	test.each(WAYS)("with $threads threads and chunks of $chunkByteLength bytes", async (way) => {
		await using subjects = await openSubjects([expected, ...inputs].map((name) => join(FOLDER, name)));
		const [soup, ...ingredients] = subjects.all;
		const result = await checkSoup(soup, ingredients, { weights: weights ?? undefined, normalize, ...way });
		expect(result).toMatchObject({ check: "CS008", status: "passed", findings: [] });
		expect(result.detail).toContain("equal to the bit");
	});
});
