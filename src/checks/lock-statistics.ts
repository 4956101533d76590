import type { ValueStatistics } from "../engine/census-statistics.ts";
import { type Expectation, matchesName } from "../lock/expectation.ts";
import type { Lock } from "../lock/schema.ts";
import { counted } from "../reports/plain-text.ts";
import { type CheckResult, type Finding, ranCheck, skippedCheck } from "../verification.ts";
import { type FoundTensor, type LockComparison, type LockedTensor, placeOf } from "./lock-comparison.ts";

/** No weight is meant to be so large: float16 ends at 65,504. */
const LARGE = 1e6;

/** A bound of an expectation: what a tensor has, in words, if it is not kept. */
interface Bound {
	readonly expected: string;
	readonly found: string;
}

/** CS007: values keep the bounds that the lock expects; all-zero tensors and huge values are warnings. */
export function checkStatistics({ names, common, extra }: LockComparison, lock: Lock): CheckResult {
	if (names === "stored" && lock.canonicalDigest !== undefined) {
		return skippedCheck("CS007", "the lock speaks of a CLIP, and the files cannot be read as one");
	}
	const { expect } = lock;
	const float = [...common.map(({ found }) => found), ...extra].filter(hasValues);
	const zeroBefore = new Set(lock.tensors.filter(isLockedZero).map(({ name }) => name));
	const findings = [
		...expect.flatMap((expectation) => expectationFindings(expectation, float)),
		...float.flatMap((tensor) => (zeroBefore.has(tensor.name) ? [] : zeroFindings(tensor))),
		...float.flatMap(largeFindings),
	];
	return ranCheck("CS007", 0, {
		detail: `${counted(expect.length, "expectation")} of ${counted(float.length, "tensor")}`,
		findings,
	});
}

type ValuedTensor = FoundTensor & { readonly values: ValueStatistics };

function hasValues(tensor: FoundTensor): tensor is ValuedTensor {
	return tensor.values !== undefined;
}

function isLockedZero({ shape, stats }: LockedTensor): boolean {
	return stats?.zeros === shape.reduce((product, dimension) => product * dimension, 1);
}

/** An expectation that speaks of no tensor keeps nothing: a name was probably misspelt. */
function expectationFindings(expectation: Expectation, tensors: readonly ValuedTensor[]): readonly Finding[] {
	const matching = tensors.filter(({ name }) => matchesName(expectation.match, name));
	if (matching.length === 0) {
		return [
			{ level: "warning", message: `The expectation of "${expectation.match}" speaks of no tensor that is here` },
		];
	}
	return matching.flatMap((tensor) =>
		brokenBounds(expectation, tensor.values).map(({ expected, found }) => ({
			level: "error",
			message: `"${tensor.name}" has ${found}, expected ${expected}`,
			...placeOf(tensor),
			expected,
			found,
		})),
	);
}

function brokenBounds(expectation: Expectation, values: ValueStatistics): readonly Bound[] {
	const { rms: [low, high] = [] } = expectation;
	const magnitude = Math.max(Math.abs(values.min), Math.abs(values.max));
	return [
		...outside(values.nonFinite, `${values.nonFinite} elements that are not finite`, { most: expectation.nonFinite }),
		...outside(values.zeros, `${values.zeros} elements that are 0`, { most: expectation.zeros }),
		...outside(values.min, `a minimum of ${values.min}`, { least: expectation.min }),
		...outside(values.max, `a maximum of ${values.max}`, { most: expectation.max }),
		...outside(magnitude, `a largest magnitude of ${magnitude}`, { most: expectation.absMax }),
		...outside(values.rms, `a root mean square of ${values.rms}`, { least: low, most: high }),
	];
}

function outside(
	value: number,
	found: string,
	{ least, most }: { readonly least?: number | undefined; readonly most?: number | undefined },
): readonly Bound[] {
	if (least !== undefined && value < least) return [{ expected: `at least ${least}`, found }];
	if (most !== undefined && value > most) return [{ expected: `at most ${most}`, found }];
	return [];
}

function zeroFindings(tensor: ValuedTensor): readonly Finding[] {
	const { zeros, elements } = tensor.values;
	if (elements === 0 || zeros < elements) return [];
	return [{ level: "warning", message: `Every element of "${tensor.name}" is 0`, ...placeOf(tensor), found: "only 0" }];
}

function largeFindings(tensor: ValuedTensor): readonly Finding[] {
	const { min, max } = tensor.values;
	const largest = Math.max(Math.abs(min), Math.abs(max));
	if (largest <= LARGE) return [];
	const message = `"${tensor.name}" has a value of magnitude ${largest}, above ${LARGE}`;
	return [{ level: "warning", message, ...placeOf(tensor), found: String(largest) }];
}
