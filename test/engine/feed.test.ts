import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FedRun } from "../../src/engine/fed-runs.ts";
import { extentsOf } from "../../src/engine/feed.ts";
import { FeedRing } from "../../src/engine/feed-ring.ts";
import { CountingSource } from "../safetensors/byte-sources.ts";

const NEVER = () => false;

describe("FeedRing", () => {
	test("gives the bytes in order, round its end too, and says what was taken", () => {
		const ring = FeedRing.create(10);
		const reports: number[] = [];
		const bytes = Uint8Array.from({ length: 35 }, (_, index) => index);
		const taken = new Uint8Array(35);
		for (let at = 0; at < 35; at += 7) {
			let from = at;
			for (const part of ring.parts(at, 7)) {
				part.set(bytes.subarray(from, from + part.byteLength));
				from += part.byteLength;
			}
			ring.publish(at + 7);
			ring.take(taken.subarray(at, at + 3), NEVER, (count) => reports.push(count));
			ring.take(taken.subarray(at + 3, at + 7), NEVER, (count) => reports.push(count));
		}
		expect(taken).toEqual(bytes);
		expect(reports.at(-1)).toBe(35);
	});

	test("stops waiting when the pass is stopped, and reports before it waits", () => {
		const ring = FeedRing.create(1000);
		ring.publish(5);
		const target = new Uint8Array(10);
		const reports: number[] = [];
		let looks = 0;
		ring.take(
			target,
			() => ++looks > 2,
			(count) => reports.push(count),
		);
		expect(reports).toEqual([5]);
	});
});

describe("extentsOf", () => {
	const source = new CountingSource(new Uint8Array());
	const other = new CountingSource(new Uint8Array());
	const run = (position: number, byteLength: number, from = source): FedRun => ({
		source: from,
		position,
		byteLength,
		at: 0,
		isStrided: false,
	});

	test("joins what lies close in one source, and nothing else", () => {
		const extents = extentsOf([run(0, 10), run(5, 10, other), run(20, 10), run(200_000, 10), run(15, 5, other)]);
		expect(extents.map((extent) => [extent.source === source, extent.position, extent.byteLength])).toEqual([
			[true, 0, 30],
			[true, 200_000, 10],
			[false, 5, 15],
		]);
	});

	test("holds every run once, within its extent", () => {
		const runs = fc.array(
			fc.tuple(fc.nat(5_000_000), fc.integer({ min: 1, max: 1_000_000 })).map(([p, n]) => run(p, n)),
		);
		fc.assert(
			fc.property(runs, (given) => {
				const extents = extentsOf(given);
				expect(extents.flatMap(({ runs: held }) => held)).toHaveLength(given.length);
				for (const { position, byteLength, runs: held } of extents) {
					for (const each of held) {
						expect(each.position).toBeGreaterThanOrEqual(position);
						expect(each.position + each.byteLength).toBeLessThanOrEqual(position + byteLength);
					}
				}
			}),
		);
	});
});
