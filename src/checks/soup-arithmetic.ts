import type { FloatDtype } from "../tensor/dtype.ts";
import { decodeFloat, encodeFloat } from "../tensor/float-bits.ts";

/** A mean of one element of each ingredient, as some program computes it. */
export interface Arithmetic {
	/** `the float32 sum / n`. */
	readonly name: string;
	/** Who computes so, if that is known. */
	readonly cause: string | undefined;
	/** Whether it is only defined for ingredients of equal weight, or for two of them. */
	readonly needs: "uniform" | "two" | undefined;
	/** The mean as it is stored: rounded to the output dtype. */
	readonly mean: (values: readonly number[], terms: MeanTerms) => number;
}

export interface MeanTerms {
	readonly weights: readonly number[];
	/** What the weighted sum is divided by. */
	readonly divisor: number;
}

type Round = (value: number) => number;

/** A way to add up, with every step rounded to the precision of the sums. */
interface Scheme {
	readonly name: (precision: string) => string;
	readonly needs?: Arithmetic["needs"];
	readonly mean: (values: readonly number[], terms: MeanTerms, round: Round) => number;
}

const SUM_THEN_DIVIDE: Scheme = {
	name: (precision) => `the ${precision} sum / n`,
	mean: (values, { weights, divisor }, round) => {
		let sum = -0;
		for (let k = 0; k < values.length; k++) sum = round(sum + round((values[k] ?? 0) * round(weights[k] ?? 0)));
		return round(sum / round(divisor));
	},
};

const WEIGHTS_FIRST: Scheme = {
	name: (precision) => `the ${precision} Σ w·x with w = weight / n`,
	mean: (values, { weights, divisor }, round) => {
		let sum = -0;
		for (let k = 0; k < values.length; k++) {
			sum = round(sum + round((values[k] ?? 0) * scalar((weights[k] ?? 0) / divisor, round)));
		}
		return sum;
	},
};

/** Welford's update: m += (x − m) / k. */
const RUNNING_MEAN: Scheme = {
	name: (precision) => `the ${precision} running mean`,
	needs: "uniform",
	mean: (values, _, round) => {
		let mean = values[0] ?? 0;
		for (let k = 1; k < values.length; k++) mean = round(mean + round(round((values[k] ?? 0) - mean) / (k + 1)));
		return mean;
	},
};

/** x / k + m · (k − 1) / k, as the greedy soup of Wortsman et al. 2022 keeps it. */
const GREEDY_MEAN: Scheme = {
	name: (precision) => `the ${precision} running mean of a greedy soup`,
	needs: "uniform",
	mean: (values, _, round) => {
		let mean = values[0] ?? 0;
		for (let k = 1; k < values.length; k++) {
			const added = round((values[k] ?? 0) * scalar(1 / (k + 1), round));
			mean = round(added + round(mean * scalar(k / (k + 1), round)));
		}
		return mean;
	},
};

/** a + w · (b − a) below one half, from the other end above: torch.lerp. */
const INTERPOLATION: Scheme = {
	name: (precision) => `the ${precision} interpolation a + w·(b − a)`,
	needs: "two",
	mean: ([a = 0, b = 0], { weights: [, second = 0], divisor }, round) => {
		const weight = scalar(second / divisor, round);
		const difference = round(b - a);
		if (Math.abs(weight) < 0.5) return round(a + round(weight * difference));
		return round(b - round(difference * round(1 - weight)));
	},
};

const SCHEMES = [SUM_THEN_DIVIDE, WEIGHTS_FIRST, RUNNING_MEAN, GREEDY_MEAN, INTERPOLATION];

/** Narrow dtypes are multiplied by a factor in float32: PyTorch's `opmath`. */
function scalar(value: number, round: Round): number {
	return round === exact ? value : Math.fround(value);
}

/** What is done to a float64 or float32 mean on its way into the file. */
interface Finish {
	readonly suffix: string;
	readonly cause?: string;
	readonly store: (value: number, output: FloatDtype) => number;
}

const NEAREST: Finish = { suffix: "", store: (value, output) => roundTo(output, value) };
const VIA_F32: Finish = {
	suffix: ", rounded to float32 on the way",
	cause: "rounded twice",
	store: (value, output) => roundTo(output, Math.fround(value)),
};
const TRUNCATED: Finish = {
	suffix: ", truncated to BF16",
	cause: "the lower bits were cut off, not rounded",
	store: (value) => truncatedToBf16(value),
};

const MADE_BY_PYTORCH = "made by PyTorch, probably";

/** Ways in which programs average into a dtype, the one of clip-soup first, then the likeliest. */
export function arithmeticsFor(output: FloatDtype): readonly Arithmetic[] {
	const isHalf = output === "F16" || output === "BF16";
	const float64 = precisionOf("float64", exact);
	const float32 = precisionOf("float32", Math.fround, MADE_BY_PYTORCH);
	const own = precisionOf(output, (value) => roundTo(output, value), `accumulated in ${output}`);
	return [
		...SCHEMES.map((scheme) => combine(float64, scheme, NEAREST, output)),
		...(output === "F64" ? [] : SCHEMES.map((scheme) => combine(float32, scheme, NEAREST, output))),
		...(isHalf ? SCHEMES.map((scheme) => combine(own, scheme, NEAREST, output)) : []),
		...(output === "F64" || output === "F32" ? [] : SCHEMES.map((scheme) => combine(float64, scheme, VIA_F32, output))),
		...(output === "BF16"
			? [float64, float32].flatMap((precision) =>
					SCHEMES.map((scheme) => combine(precision, scheme, TRUNCATED, output)),
				)
			: []),
	];
}

interface Precision {
	readonly name: string;
	readonly round: Round;
	readonly cause: string | undefined;
}

function precisionOf(name: string, round: Round, cause?: string): Precision {
	return { name, round, cause };
}

function combine({ name, round, cause }: Precision, scheme: Scheme, finish: Finish, output: FloatDtype): Arithmetic {
	return {
		name: `${scheme.name(name)}${finish.suffix}`,
		cause: finish.cause ?? cause,
		needs: scheme.needs,
		mean: (values, terms) => finish.store(scheme.mean(values, terms, round), output),
	};
}

function exact(value: number): number {
	return value;
}

const scratch = new DataView(new ArrayBuffer(8));

/** A value rounded to a dtype, to nearest even. */
export function roundTo(dtype: FloatDtype, value: number): number {
	if (dtype === "F64") return value;
	if (dtype === "F32") return Math.fround(value);
	encodeFloat(dtype, value, scratch, 0);
	return decodeFloat(dtype, scratch, 0);
}

/** The upper half of the float32 nearest to a value. */
function truncatedToBf16(value: number): number {
	scratch.setFloat32(0, value, true);
	scratch.setUint16(0, 0, true);
	return scratch.getFloat32(0, true);
}
