import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { average } from "../../src/avg.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import type { FloatDtype } from "../../src/tensor/dtype.ts";
import { temporaryFolder } from "../support/tmp.ts";

const FOLDER = "fixtures/averaging";

interface Case {
	readonly expected: string;
	readonly inputs: readonly string[];
	readonly weights: readonly number[] | null;
	readonly normalize: boolean;
	readonly dtype: FloatDtype | null;
	readonly allowNonfinite: boolean;
}

const CASES: readonly Case[] = JSON.parse(readFileSync(join(FOLDER, "cases.json"), "utf8"));

/** Threads, and bytes of a buffer: the usual one, one element of the widest dtype, and odd ones. */
const WAYS = [
	{ threads: 1, chunkByteLength: undefined },
	{ threads: 2, chunkByteLength: 8 },
	{ threads: 3, chunkByteLength: 4099 },
];

describe.each(CASES)("average makes $expected", ({ expected, inputs, weights, normalize, dtype, allowNonfinite }) => {
	test.each(WAYS)("with $threads threads and chunks of $chunkByteLength bytes", async (way) => {
		const output = join(await temporaryFolder(), "soup.safetensors");
		await average(
			inputs.map((name) => join(FOLDER, name)),
			{
				output,
				normalize,
				weights: weights ?? undefined,
				dtype: dtype ?? undefined,
				allowNonFinite: allowNonfinite,
				fsync: false,
				...way,
			},
		);
		await using soup = await openCheckpoint(output);
		await using reference = await openCheckpoint(join(FOLDER, expected));
		expect(reference.tensors.size).toBeGreaterThan(0);
		for (const { name, dtype: expectedDtype, shape } of reference.tensors.values()) {
			expect(soup.tensors.get(name)).toMatchObject({ dtype: expectedDtype, shape });
			const [bytes, wanted] = [await soup.readTensor(name), await reference.readTensor(name)];
			expect(Buffer.compare(bytes, wanted), name).toBe(0);
		}
	});
});

test("average of the digits pair is the soup made by the reference, tensor by tensor", async () => {
	const output = join(await temporaryFolder(), "soup");
	await average(["fixtures/digits-clip/augreg", "fixtures/digits-clip/rewind"], { output, fsync: false });
	await using soup = await openCheckpoint(output);
	await using reference = await openCheckpoint("fixtures/digits-clip/soup");
	expect([...soup.tensors.keys()].sort()).toEqual([...reference.tensors.keys()].sort());
	for (const name of reference.tensors.keys()) {
		expect(Buffer.compare(await soup.readTensor(name), await reference.readTensor(name)), name).toBe(0);
	}
});
