import { join } from "node:path";
import { checkSoup, type SoupCheckOptions } from "../../src/checks/soup.ts";
import type { FloatDtype } from "../../src/tensor/dtype.ts";
import type { CheckResult, Finding } from "../../src/verification.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { openSubjects } from "./subjects.ts";

/** Tensors of a checkpoint that tests make, and change. */
export type Tensors = Map<string, TestTensor>;

const SHAPES: Readonly<Record<string, readonly number[]>> = {
	"blocks.0.weight": [40, 33],
	"blocks.1.weight": [17, 50],
	"ln.bias": [301],
	logit_scale: [],
};

/** A checkpoint whose values are always the same for a seed; of every tensor, the spread is that of trained weights. */
export function randomTensors(seed: number, dtype: FloatDtype = "F32"): Tensors {
	let state = seed * 7919 + 1;
	// mulberry32, by T. Ettinger: public domain.
	const random = () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
	return new Map(
		Object.entries(SHAPES).map(([name, shape]): [string, TestTensor] => {
			const count = shape.reduce((product, size) => product * size, 1);
			const values = Array.from({ length: count }, () =>
				name === "logit_scale" ? 4 + random() : 0.06 * (random() + random() - 1),
			);
			return [name, { dtype, shape, values: values.map((value) => rounded(value, dtype)) }];
		}),
	);
}

/** The nearest float32, F16 or BF16 to a value that is none of its subnormals: by arithmetic, not by clip-soup's casts. */
export function rounded(value: number, dtype: FloatDtype): number {
	if (dtype === "F64" || value === 0) return value;
	if (dtype === "F32") return Math.fround(value);
	const digits = dtype === "F16" ? 10 : 7;
	const exponent = Math.floor(Math.log2(Math.abs(value)));
	const ulp = 2 ** (Math.max(exponent, dtype === "F16" ? -14 : -126) - digits);
	const steps = value / ulp;
	const floor = Math.floor(steps);
	const isUp = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 !== 0);
	return (isUp ? floor + 1 : floor) * ulp;
}

/** A soup whose every element is a function of the ingredients' elements. */
export function mix(
	ingredients: readonly Tensors[],
	dtype: FloatDtype,
	mean: (...values: readonly number[]) => number,
): Tensors {
	const [first = new Map<string, TestTensor>()] = ingredients;
	return new Map(
		[...first].map(([name, { shape, values = [] }]) => {
			const mixed = values.map((_, index) => mean(...ingredients.map((one) => one.get(name)?.values?.[index] ?? 0)));
			return [name, { dtype, shape, values: mixed }];
		}),
	);
}

/** Writes a soup as `soup.safetensors` and its ingredients as `1.safetensors`, `2.safetensors` …; their paths. */
export function writeSoup(
	folder: string,
	soup: Tensors,
	ingredients: readonly Tensors[],
	metadata?: Readonly<Record<string, string>>,
): Promise<string[]> {
	return Promise.all([
		writeCheckpoint(join(folder, "soup.safetensors"), soup, metadata),
		...ingredients.map((one, index) => writeCheckpoint(join(folder, `${index + 1}.safetensors`), one)),
	]);
}

/** CS008 of files: a soup, then its ingredients. */
export async function checkFiles(paths: readonly string[], options: SoupCheckOptions = {}): Promise<CheckResult> {
	await using subjects = await openSubjects(paths);
	const [soup, ...ingredients] = subjects.all;
	return await checkSoup(soup, ingredients, options);
}

/** Replaces a tensor's values at some elements. */
export function withValues(tensors: Tensors, name: string, changes: Readonly<Record<number, number>>): Tensors {
	const tensor = tensors.get(name);
	if (tensor === undefined) throw new Error(`No tensor "${name}"`);
	const values = (tensor.values ?? []).map((value, index) => changes[index] ?? value);
	return new Map(tensors).set(name, { ...tensor, values });
}

/** Names of the tensors that findings are about. */
export function tensorsOf(findings: readonly Finding[]): (string | undefined)[] {
	return findings.map(({ tensor }) => tensor);
}
