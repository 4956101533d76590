import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Recovery, recoverMixture } from "../../src/checks/recover.ts";
import { convert } from "../../src/index.ts";
import type { FloatDtype } from "../../src/tensor/dtype.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { mix, randomTensors, rounded, type Tensors, tensorsOf, withValues, writeSoup } from "./soups.ts";
import { openSubjects } from "./subjects.ts";

async function recoverFiles(paths: readonly string[], options = {}): Promise<Recovery> {
	await using subjects = await openSubjects(paths);
	const [soup, ...ingredients] = subjects.all;
	return await recoverMixture(soup, ingredients, options);
}

async function recover(soup: Tensors, ingredients: readonly Tensors[]): Promise<Recovery> {
	return recoverFiles(await writeSoup(await temporaryFolder(), soup, ingredients));
}

function weighted(weights: readonly number[], dtype: FloatDtype) {
	return (...values: readonly number[]) =>
		rounded(
			values.reduce((sum, value, k) => sum + value * (weights[k] ?? 0), 0),
			dtype,
		);
}

describe("recoverMixture finds the weights", () => {
	test("of any F32 mixture, to 1e-6", async () => {
		const folder = await temporaryFolder();
		const weights = fc.array(fc.double({ min: -0.4, max: 1.2, noNaN: true }), { minLength: 1, maxLength: 4 });
		await fc.assert(
			fc.asyncProperty(weights, async (first) => {
				const all = [...first, 1 - first.reduce((sum, weight) => sum + weight, 0)];
				const ingredients = all.map((_, seed) => randomTensors(seed));
				const soup = mix(ingredients, "F32", weighted(all, "F32"));
				const { shared, verdict, check } = await recoverFiles(await writeSoup(folder, soup, ingredients));
				expect(verdict.kind).toBe("one");
				expect(check).toMatchObject({ check: "CS008", status: "passed" });
				all.forEach((weight, k) => {
					expect(Math.abs((shared.weights?.[k] ?? Number.NaN) - weight)).toBeLessThan(1e-6);
				});
				expect(shared.residual).toBeLessThan(2 ** -24);
			}),
			{ numRuns: 6 },
		);
	});

	test.each([
		{ dtype: "F64", weights: [0.3, 0.7], text: "0.3, 0.7" },
		{ dtype: "F32", weights: [0.49, 0.51], text: "0.49, 0.51" },
		{ dtype: "F32", weights: [1 / 3, 1 / 3, 1 / 3], text: "1/3, 1/3, 1/3" },
		{ dtype: "BF16", weights: [0.25, 0.75], text: undefined },
	] as const)("and that $dtype ones are $text", async ({ dtype, weights, text }) => {
		const ingredients = weights.map((_, seed) => randomTensors(seed, dtype));
		const { shared, verdict } = await recover(mix(ingredients, dtype, weighted(weights, dtype)), ingredients);
		expect(verdict.kind).toBe("one");
		if (text !== undefined) expect(shared.simple?.text).toBe(text);
		weights.forEach((weight, k) => {
			const error = Math.abs((shared.weights?.[k] ?? Number.NaN) - weight);
			expect(error).toBeLessThan(6 * (shared.errors[k] ?? 0) + 1e-9);
		});
	});

	test("of an exponential moving average, with its decay", async () => {
		const ingredients = [0, 1, 2, 3].map((seed) => randomTensors(seed));
		const decay = 0.9;
		const ema = (...values: readonly number[]) =>
			rounded(
				values.reduce((average, value) => decay * average + (1 - decay) * value),
				"F32",
			);
		const { verdict } = await recover(mix(ingredients, "F32", ema), ingredients);
		expect(verdict.text).toContain("an exponential moving average with α = 0.9000");
	});

	test("whatever the layouts, and the same ones for any number of threads and any chunks", async () => {
		const hf = join(await temporaryFolder(), "hf");
		await convert(digitsPath("rewind"), { output: hf, to: ["hf"], fsync: false });
		const paths = [digitsPath("soup"), digitsPath("augreg"), hf];
		const [one, other] = [await recoverFiles(paths), await recoverFiles(paths, { threads: 3, chunkByteLength: 8192 })];
		expect(one.verdict.kind).toBe("one");
		expect(one.shared.simple?.text).toBe("0.5, 0.5");
		// Blocks of 1,024 elements are summed one after the other, whatever the chunks of whole blocks.
		expect(other.tensors).toEqual(one.tensors);
		expect(other.shared).toEqual(one.shared);
	});
});

describe("recoverMixture tells", () => {
	const ingredients = [randomTensors(1), randomTensors(2), randomTensors(3)];
	const soup = mix(ingredients, "F32", weighted([0.2, 0.3, 0.5], "F32"));

	test("tensors of other weights from the rest, and which ingredient they are copied from", async () => {
		const changed = new Map(soup).set(
			"blocks.1.weight",
			ingredients[1]?.get("blocks.1.weight") ?? { dtype: "F32", shape: [] },
		);
		const { verdict, shared, check } = await recover(changed, ingredients);
		expect(verdict).toMatchObject({ kind: "several", others: ["blocks.1.weight"] });
		expect(shared.simple?.text).toBe("0.2, 0.3, 0.5");
		expect(check.status).toBe("passed");
		expect(check.findings[0]).toMatchObject({ level: "warning", tensor: "blocks.1.weight" });
		expect(check.findings[0]?.cause).toContain("that of ingredient 2");
	});

	test("one element that no weights explain", async () => {
		const { verdict, check, tensors } = await recover(withValues(soup, "ln.bias", { 9: 0.25 }), ingredients);
		expect(verdict.kind).toBe("none");
		expect(verdict.text).toContain('such as "ln.bias"');
		expect(check.status).toBe("failed");
		expect(tensorsOf(check.findings)).toEqual(["ln.bias"]);
		const bias = tensors.find(({ name }) => name === "ln.bias");
		expect(bias?.residual).toBeGreaterThan(1e-3);
	});

	test("a soup of other ingredients", async () => {
		const { verdict } = await recover(randomTensors(9), ingredients);
		expect(verdict.kind).toBe("none");
		expect(verdict.others).toHaveLength(4);
	});

	test("a kept temperature, whose weights one element does not decide", async () => {
		const kept = new Map(soup).set("logit_scale", ingredients[2]?.get("logit_scale") ?? { dtype: "F32", shape: [] });
		const { verdict, tensors } = await recover(kept, ingredients);
		expect(verdict).toMatchObject({ kind: "several", others: ["logit_scale"] });
		expect(tensors.find(({ name }) => name === "logit_scale")?.weights).toBeUndefined();
	});

	test("ingredients that are equal, and those of which one is a mixture of the others", async () => {
		const twins = await recover(soup, [randomTensors(1), randomTensors(2), randomTensors(1)]);
		expect(twins.verdict).toMatchObject({ kind: "undecided" });
		expect(twins.verdict.text).toContain("ingredients 1 and 3 are equal");
		expect(twins.check.status).toBe("failed");
		const middle = mix([randomTensors(1, "F64"), randomTensors(2, "F64")], "F64", (a = 0, b = 0) => (a + b) / 2);
		const mixed = await recover(soup, [randomTensors(1, "F64"), randomTensors(2, "F64"), middle]);
		expect(mixed.verdict.text).toContain("one of them is a mixture of the others");
	});

	test("elements that are not finite, which tell no weights", async () => {
		const { check, tensors } = await recover(withValues(soup, "ln.bias", { 3: Number.NaN }), ingredients);
		expect(check.status).toBe("failed");
		expect(check.findings[0]?.message).toContain("1 elements are NaN or infinite");
		expect(tensors.find(({ name }) => name === "ln.bias")).toMatchObject({ elements: 300, nonFinite: 1 });
	});

	test("tensors that are missing", async () => {
		const less = new Map(soup);
		less.delete("ln.bias");
		const { check } = await recover(less, ingredients);
		expect(check.status).toBe("failed");
		expect(tensorsOf(check.findings)).toEqual(["ln.bias"]);
	});
});
