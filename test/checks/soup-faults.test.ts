import { describe, expect, test } from "vitest";
import type { FloatDtype } from "../../src/tensor/dtype.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { checkFiles, mix, randomTensors, rounded, type Tensors, tensorsOf, withValues, writeSoup } from "./soups.ts";

const f32 = Math.fround;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value);
const mean = (...values: readonly number[]) => sum(values) / values.length;

interface WrongFormula {
	readonly fault: string;
	readonly dtype?: FloatDtype;
	readonly count: number;
	readonly weights?: readonly number[];
	/** An element of the soup, of one element of each ingredient. */
	readonly mean: (...values: readonly number[]) => number;
	/** What the detail has to say. */
	readonly says: string;
}

/** What the upper half of a float32 is. */
function truncated(value: number): number {
	const view = new DataView(new ArrayBuffer(4));
	view.setFloat32(0, value);
	view.setUint16(2, 0);
	return view.getFloat32(0);
}

const f16 = (value: number) => rounded(value, "F16");
const bf16 = (value: number) => rounded(value, "BF16");

const WRONG: readonly WrongFormula[] = [
	{
		fault: "weights 0.49 and 0.51",
		count: 2,
		mean: (a = 0, b = 0) => 0.49 * a + 0.51 * b,
		says: "with the weights 0.49, 0.51: other weights",
	},
	{
		fault: "weights in thirds",
		count: 2,
		mean: (a = 0, b = 0) => (a + 2 * b) / 3,
		says: "with the weights 1/3, 2/3: other weights",
	},
	{
		fault: "a running mean",
		count: 4,
		mean: (...values) => values.reduce((running, value, index) => running + (value - running) / (index + 1)),
		says: "the float64 running mean",
	},
	{
		fault: "the running mean of a greedy soup, in float32",
		count: 5,
		mean: (...values) =>
			values.reduce((running, value, index) => {
				return f32(f32(value * f32(1 / (index + 1))) + f32(running * f32(index / (index + 1))));
			}),
		says: "the float32 running mean of a greedy soup",
	},
	{ fault: "a sum", count: 3, mean: (...values) => sum(values), says: "not divided: the sum, not the mean" },
	{
		fault: "float32 sums",
		count: 3,
		mean: (a = 0, b = 0, c = 0) => f32(f32(f32(a + b) + c) / 3),
		says: "equals the float32 sum / n: made by PyTorch, probably",
	},
	{
		fault: "float32 products with 1/n",
		count: 3,
		mean: (a = 0, b = 0, c = 0) => f32(f32(f32(a * f32(1 / 3)) + f32(b * f32(1 / 3))) + f32(c * f32(1 / 3))),
		says: "equals the float32 Σ w·x with w = weight / n: made by PyTorch, probably",
	},
	{
		fault: "float64 products with 1/n",
		count: 3,
		mean: (a = 0, b = 0, c = 0) => a * (1 / 3) + b * (1 / 3) + c * (1 / 3),
		says: "equals the float64 Σ w·x with w = weight / n",
	},
	{
		fault: "F16 sums",
		dtype: "F16",
		count: 5,
		mean: (...values) => f16(values.reduce((total, value) => f16(total + value)) / 5),
		says: "equals the F16 sum / n: accumulated in F16",
	},
	{
		fault: "BF16 products with 1/n",
		dtype: "BF16",
		count: 3,
		mean: (...values) =>
			values.map((value) => bf16(f32(value * f32(1 / 3)))).reduce((total, term) => bf16(total + term)),
		says: "equals the BF16 Σ w·x with w = weight / n: accumulated in BF16",
	},
	{
		fault: "BF16 cut off",
		dtype: "BF16",
		count: 2,
		mean: (a = 0, b = 0) => truncated((a + b) / 2),
		says: "truncated to BF16: the lower bits were cut off, not rounded",
	},
	{
		fault: "uniform weights",
		count: 2,
		weights: [0.3, 0.7],
		mean,
		says: "with uniform weights: the weights were not used",
	},
	{
		fault: "ingredients exchanged under unequal weights",
		count: 2,
		weights: [0.3, 0.7],
		mean: (a = 0, b = 0) => (0.7 * a + 0.3 * b) / (0.7 + 0.3),
		says: "with the weights in the order 0.7, 0.3: ingredients or weights in another order",
	},
	{
		fault: "an exponential moving average",
		count: 4,
		mean: (a = 0, b = 0, c = 0, d = 0) => 0.125 * a + 0.125 * b + 0.25 * c + 0.5 * d,
		says: "an exponential moving average with α = 0.5",
	},
	{
		fault: "ingredient 2 itself",
		count: 3,
		mean: (_, b = 0) => b,
		says: 'equals ingredient 2 "2.safetensors": a copy',
	},
];

describe.each(WRONG)(
	"checkSoup tells $fault from the average",
	({ dtype = "F32", count, weights, mean: wrong, says }) => {
		test("and names the formula", async () => {
			const ingredients = Array.from({ length: count }, (_, seed) => randomTensors(seed, dtype));
			const soup = mix(ingredients, dtype, wrong);
			const result = await checkFiles(await writeSoup(await temporaryFolder(), soup, ingredients), { weights });
			expect(result.status).toBe("failed");
			expect(result.detail).toContain(says);
			const blocks = result.findings.find(({ tensor }) => tensor === "blocks.0.weight");
			expect(blocks?.cause).toContain("equals ");
			expect(result.detail).toContain(blocks?.cause);
		});
	},
);

describe.each([
	{ dtype: "F16", halfUlp: 2 ** -11 },
	{ dtype: "BF16", halfUlp: 2 ** -8 },
] as const)("checkSoup tells a mean that went through float32 to $dtype", ({ dtype, halfUlp }) => {
	test("from one that was rounded once", async () => {
		// Their mean is just above a tie of the dtype, by less than float32 holds.
		const a = withValues(randomTensors(1), "ln.bias", { 5: 2 + 2 * halfUlp });
		const b = withValues(randomTensors(2), "ln.bias", { 5: 2 ** -29 });
		const ingredients = [a, b];
		const twice = mix(ingredients, dtype, (x = 0, y = 0) => rounded(f32((x + y) / 2), dtype));
		const once = mix(ingredients, dtype, (x = 0, y = 0) => rounded((x + y) / 2, dtype));
		const folder = await temporaryFolder();
		expect(await checkFiles(await writeSoup(folder, once, ingredients))).toMatchObject({ status: "passed" });
		const result = await checkFiles(await writeSoup(folder, twice, ingredients));
		const bias = result.findings.find(({ tensor }) => tensor === "ln.bias");
		expect(bias).toMatchObject({ expected: String(1 + 2 * halfUlp), found: "1" });
		expect(bias?.elements?.[0]).toBe(5);
		expect(bias?.cause).toMatch(/rounded to float32 on the way|float32 sum \/ n/);
	});
});

/** Two ingredients, and their soup with a fault. */
async function checkFaulty(change: (soup: Tensors, ingredients: readonly Tensors[]) => Tensors) {
	const ingredients = [randomTensors(1), randomTensors(2)];
	const soup = mix(ingredients, "F32", (a = 0, b = 0) => f32((a + b) / 2));
	return checkFiles(await writeSoup(await temporaryFolder(), change(soup, ingredients), ingredients));
}

function nextFloat32(value: number): number {
	const view = new DataView(new ArrayBuffer(4));
	view.setFloat32(0, value);
	view.setUint32(0, view.getUint32(0) + 1);
	return view.getFloat32(0);
}

describe("checkSoup finds", () => {
	test("nothing in the soup that the other tests spoil", async () => {
		expect(await checkFaulty((soup) => soup)).toMatchObject({ status: "passed", findings: [] });
	});

	test("one element that is off by one unit in the last place", async () => {
		const { findings, detail } = await checkFaulty((soup) => {
			return withValues(soup, "blocks.1.weight", { 700: nextFloat32(soup.get("blocks.1.weight")?.values?.[700] ?? 0) });
		});
		expect(findings).toHaveLength(1);
		expect(findings[0]).toMatchObject({ level: "error", tensor: "blocks.1.weight", elements: [700, 700] });
		expect(findings[0]?.message).toContain("1 of 850 elements");
		expect(findings[0]?.message).toContain("up to 1 ulp");
		expect(findings[0]?.cause).toBeUndefined();
		expect(detail).toContain("1 of 2472 averaged elements differ");
	});

	test("a NaN, and where", async () => {
		const { findings } = await checkFaulty((soup) => withValues(soup, "ln.bias", { 17: Number.NaN }));
		expect(findings).toHaveLength(1);
		expect(findings[0]).toMatchObject({ tensor: "ln.bias", elements: [17, 17], found: "NaN" });
		expect(findings[0]?.message).toContain("1 NaN or infinite");
	});

	test("a tensor that is copied from one ingredient", async () => {
		const { findings } = await checkFaulty((soup, [, second]) => {
			return new Map(soup).set("ln.bias", second?.get("ln.bias") ?? { dtype: "F32", shape: [] });
		});
		expect(tensorsOf(findings)).toEqual(["ln.bias"]);
		expect(findings[0]?.cause).toBe('equals ingredient 2 "2.safetensors": a copy of ingredient 2');
	});

	test("a soup of another ingredient, which no rounding explains", async () => {
		const { status, detail, findings } = await checkFaulty((_, [first]) => {
			return mix([first ?? new Map(), randomTensors(3)], "F32", (a = 0, b = 0) => f32((a + b) / 2));
		});
		expect(status).toBe("failed");
		expect(findings).toHaveLength(4);
		expect(detail).toContain("no one formula fits");
		expect(detail).toContain("beyond what rounding can do");
	});

	test("errors that rounding explains, but no formula that is known", async () => {
		const { status, detail } = await checkFaulty((_, ingredients) => {
			return mix(ingredients, "F32", (a = 0, b = 0) => f32(f32(a * 0.50000005) + f32(b * 0.49999995)));
		});
		expect(status).toBe("failed");
		expect(detail).toContain("no one formula fits");
		expect(detail).toContain("all are within the bound of float32 sums");
	});

	test("a temperature that was averaged itself, not its logarithm", async () => {
		const { findings } = await checkFaulty((soup, ingredients) => {
			const scales = ingredients.map((one) => Math.exp(one.get("logit_scale")?.values?.[0] ?? 0));
			return withValues(soup, "logit_scale", { 0: f32(Math.log(mean(...scales))) });
		});
		expect(tensorsOf(findings)).toEqual(["logit_scale"]);
		expect(findings[0]?.cause).toBe("equals the logarithm of the mean of exp(logit_scale): averaged after exp");
	});

	test("tensors that are missing, renamed, of another shape or of another kind", async () => {
		const { findings } = await checkFaulty((soup) => {
			const changed = new Map(soup);
			const [bias, weight] = [changed.get("ln.bias"), changed.get("blocks.1.weight")];
			if (bias === undefined || weight === undefined) throw new Error("They are there");
			changed.delete("ln.bias");
			changed.set("ln.biases", bias);
			changed.set("blocks.1.weight", { ...weight, shape: [50, 17] });
			return changed.set("blocks.0.weight", { dtype: "I32", shape: [40, 33], bytes: new Uint8Array(4 * 40 * 33) });
		});
		expect(findings.map(({ level }) => level)).toEqual(findings.map(() => "error"));
		const messages = findings.map(({ message }) => message);
		expect(messages[0]).toBe('"ln.bias" is missing: the ingredients have it, the soup does not');
		expect(findings[0]?.cause).toBe('perhaps renamed to "ln.biases"');
		expect(messages).toContain('"ln.biases" is extra: the soup has it, ingredient 1 "1.safetensors" does not');
		expect(messages).toContain(
			'"blocks.1.weight" has another shape: found [50, 17], expected [17, 50] as in ingredient 2 "2.safetensors"',
		);
		expect(messages).toContain(
			'"blocks.0.weight" has another dtype: found I32, expected F32 as in ingredient 1 "1.safetensors"',
		);
	});

	test("that nothing is comparable, in one sentence for each ingredient", async () => {
		const { findings } = await checkFaulty(() => new Map([["other", { dtype: "F32", shape: [1], values: [1] }]]));
		expect(findings.map(({ message }) => message)).toEqual([
			'ingredient 1 "1.safetensors" has 0 of the soup\'s 1 tensor by name and shape, expected all',
			'ingredient 2 "2.safetensors" has 0 of the soup\'s 1 tensor by name and shape, expected all',
		]);
	});
});
