import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FedRun } from "../../src/engine/fed-runs.ts";
import { checkableIn, requireListed } from "../../src/engine/feed-digest.ts";
import { CountingSource } from "../safetensors/byte-sources.ts";

const BYTES = randomBytes(10_000);
const SHA256 = createHash("sha256").update(BYTES).digest("hex");

interface Range {
	readonly position: number;
	readonly byteLength: number;
	readonly isStrided: boolean;
}

const anyRange = fc
	.tuple(fc.integer({ min: 0, max: BYTES.length }), fc.integer({ min: 0, max: BYTES.length }), fc.boolean())
	.map(([a, b, isStrided]): Range => ({ position: Math.min(a, b), byteLength: Math.abs(a - b), isStrided }));

function runsOf(source: CountingSource, ranges: readonly Range[]): FedRun[] {
	return ranges.map((range) => ({ source, ...range, at: 0 }));
}

/** Digests what `bytes` has in the runs, as a feed does. */
async function digestOf(runs: readonly FedRun[], bytes: Uint8Array): Promise<void> {
	const { digests } = checkableIn(runs);
	for (const run of runs) {
		const part = bytes.subarray(run.position, run.position + run.byteLength);
		const middle = part.byteLength >> 1;
		await digests.get(run.source)?.add(run, [part.subarray(0, middle), part.subarray(middle)]);
	}
	for (const [source, digest] of digests) requireListed(source, await digest.finish());
}

describe("FeedDigest", () => {
	it("is the file's, whatever is read of it in whatever order", async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(anyRange, { minLength: 1 }), async (ranges) => {
				await digestOf(runsOf(new CountingSource(BYTES, BYTES.length, SHA256), ranges), BYTES);
			}),
		);
	});

	it("reads nothing twice of a file that is read in order", async () => {
		const source = new CountingSource(BYTES, BYTES.length, SHA256);
		const ranges = [100, 4000, 7000].map((position, index, all) => {
			return { position, byteLength: (all[index + 1] ?? BYTES.length) - position, isStrided: false };
		});
		await digestOf(runsOf(source, ranges), BYTES);
		expect(source.reads).toEqual([[0, 100]]);
	});

	it("finds any bit that was another one", async () => {
		const source = new CountingSource(BYTES, BYTES.length, SHA256);
		const runs = runsOf(source, [{ position: 0, byteLength: BYTES.length, isStrided: false }]);
		await fc.assert(
			fc.asyncProperty(fc.nat(BYTES.length - 1), fc.nat(7), async (at, bit) => {
				const wrong = Uint8Array.from(BYTES);
				wrong[at] = (wrong[at] ?? 0) ^ (1 << bit);
				await expect(digestOf(runs, wrong)).rejects.toMatchObject({ code: "ERR_HUB_INTEGRITY" });
			}),
		);
	});
});

describe("checkableIn", () => {
	const large = new CountingSource(BYTES, 2 ** 30, SHA256);

	it("leaves files out of which too much would have to be read for the digest alone", () => {
		const part = { position: 0, byteLength: 2 ** 29, isStrided: false };
		expect(checkableIn(runsOf(large, [part]))).toEqual({ digests: new Map(), unchecked: [large.name] });
		const rest = { position: 2 ** 29, byteLength: 2 ** 29, isStrided: false };
		expect(checkableIn(runsOf(large, [part, rest])).unchecked).toEqual([]);
		expect(checkableIn(runsOf(large, [rest, part])).unchecked).toEqual([large.name]);
	});

	it("has nothing to say of files without a listed digest", () => {
		const runs = runsOf(new CountingSource(BYTES), [{ position: 0, byteLength: 10, isStrided: false }]);
		expect(checkableIn(runs)).toEqual({ digests: new Map(), unchecked: [] });
	});
});
