import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkFinite } from "../../src/checks/non-finite.ts";
import { takeCensus } from "../../src/engine/census.ts";
import { finiteReport } from "../../src/engine/census-finite.ts";
import { joinStatistics } from "../../src/engine/census-statistics.ts";
import { findNonFinite } from "../../src/engine/finite-pass.ts";
import { identifyWeights } from "../../src/engine/identify.ts";
import { canonicalDigestOf } from "../../src/layouts/canonical-digest.ts";
import { CASES, type Case, openCase, openClipOf } from "../onnx/systems.ts";
import { withCensus } from "../support/census.ts";
import { writeCheckpoint } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** The digest that docs/lock.md defines, straight from a file of OpenCLIP's and without a line of ours. */
function independentDigest(path: string, isTaken: (name: string) => boolean): string {
	const file = readFileSync(path);
	const dataStart = 8 + Number(file.readBigUInt64LE(0));
	const { __metadata__: _, ...header } = JSON.parse(file.toString("utf8", 8, dataStart));
	const names = Object.keys(header).filter(isTaken);
	const lines = names
		.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
		.map((name) => {
			const { dtype, shape, data_offsets: offsets } = header[name];
			const bytes = file.subarray(dataStart + offsets[0], dataStart + offsets[1]);
			const dimensions = name.startsWith("logit_") ? "" : shape.join(",");
			return `${name}\0${dtype}\0${dimensions}\0${createHash("sha256").update(bytes).digest("hex")}\n`;
		});
	return `sha256:${createHash("sha256").update(lines.join("")).digest("hex")}`;
}

function independentDigests(path: string) {
	const isVisual = (name: string) => name.startsWith("visual.");
	return {
		visual: independentDigest(path, isVisual),
		text: independentDigest(path, (name) => !isVisual(name) && !name.startsWith("logit_")),
		all: independentDigest(path, () => true),
	};
}

async function censusOf(one: Case) {
	await using opened = await openCase(one);
	return await takeCensus({ checkpoints: opened.model.checkpoints, model: opened.model }, { threads: 1 });
}

describe("takeCensus gives the canonical digest that ten independent lines compute of OpenCLIP's file", () => {
	it.each(CASES)("for $system in layout $layout", async (one) => {
		const { modelDigest, canonicalDigest } = await censusOf(one);
		const expected = independentDigests(join(openClipOf(one.system).path, "open_clip_model.safetensors"));
		expect(canonicalDigest).toEqual(expected);
		// These files store their temperature as [], so that nothing of them is other than canonical.
		expect(modelDigest === expected.all).toBe(one.layout === "openclip");
	});
});

describe("takeCensus", () => {
	it("does not depend on threads or on the number of bytes at a time", async () => {
		const path = "fixtures/layouts/vit-f16/hf";
		const one = await withCensus(path, ({ checkpoints, model }) => takeCensus({ checkpoints, model }, { threads: 1 }));
		const four = await withCensus(path, ({ checkpoints, model }) => takeCensus({ checkpoints, model }, { threads: 4 }));
		expect(four).toEqual(one);
	});

	it("tells the first and the last element that is not finite, over several blocks, as the search for them does", async () => {
		const folder = await temporaryFolder();
		const values = Array.from({ length: 10_000 }, (_, index) => [Number.NaN, 1, 2][index === 4100 ? 0 : 1] ?? 0);
		values[9_998] = Number.POSITIVE_INFINITY;
		const path = await writeCheckpoint(join(folder, "model.safetensors"), {
			a: { dtype: "F32", shape: [10_000], values },
			b: { dtype: "BF16", shape: [3], values: [1, 2, Number.NaN] },
			c: { dtype: "F32", shape: [2], values: [1, 2] },
			d: { dtype: "I64", shape: [2], values: [1, 2] },
		});
		await withCensus(path, async ({ checkpoints, model }, census) => {
			const report = finiteReport(census);
			expect(report).toEqual(await findNonFinite(checkpoints, { threads: 1 }));
			const { modelDigest, finite } = await identifyWeights({ checkpoints, model }, { threads: 2 });
			expect({ modelDigest, finite }).toEqual({ modelDigest: census.modelDigest, finite: report });
			expect(checkFinite(report, 0).findings.map(({ tensor, elements }) => [tensor, elements])).toEqual([
				["a", [4100, 9_998]],
				["b", [2, 2]],
			]);
		});
	});

	it("takes a text tower from a folder that holds an image tower too, and counts no tensor twice", async () => {
		const options = { text: "fixtures/layouts/vit-f16/openclip" };
		await withCensus("fixtures/layouts/vit-f16/openclip", (_, { tensors }) => expect(tensors).toHaveLength(62));
		const names = await withCensus(
			"fixtures/layouts/vit-f16/timm",
			(_, { tensors, files }) => [tensors.map(({ name }) => name), files?.map(({ path }) => path)] as const,
			options,
		);
		expect(new Set(names[0]).size).toBe(names[0].length);
		expect(names[1]).toEqual(["timm/model.safetensors", "openclip/open_clip_model.safetensors"]);
	});
});

describe("joinStatistics", () => {
	const statistics = { nan: 0, infinite: 0, nonFiniteRange: undefined, zeros: 0, std: 0 } as const;

	it("leaves out the extremes of a part that has no finite element", () => {
		const empty = { ...statistics, elements: 2, nan: 2, min: 0, max: 0, mean: 0, l2: 0 };
		const part = { ...statistics, elements: 2, min: 3, max: 5, mean: 4, l2: Math.sqrt(34) };
		expect(joinStatistics([empty, part])).toEqual({
			elements: 4,
			nonFinite: 2,
			zeros: 0,
			min: 3,
			max: 5,
			mean: 4,
			rms: expect.closeTo(Math.sqrt(17), 12),
		});
	});
});

describe("canonicalDigestOf", () => {
	const tensor = fc.record({
		name: fc.oneof(
			fc.string(),
			fc.string().map((text) => `visual.${text}`),
			fc.constant("logit_scale"),
		),
		dtype: fc.constantFrom("F32", "F16"),
		shape: fc.array(fc.nat(9)),
		sha256: fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 }),
	} as const);
	const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, minLength: 1 });

	it("does not depend on the order, and sees every field of every tensor", () => {
		fc.assert(
			fc.property(tensors, fc.nat(), (list, seed) => {
				const digest = canonicalDigestOf(list);
				expect(canonicalDigestOf(list.toReversed())).toEqual(digest);
				const changed = list.map((one, index) =>
					index === seed % list.length ? { ...one, shape: [...one.shape, 7] } : one,
				);
				expect(canonicalDigestOf(changed).all).not.toBe(digest.all);
			}),
		);
	});
});
