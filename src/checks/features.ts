import type { GraphTower } from "../onnx/clip.ts";
import { type FeatureDistance, featureDistance } from "../onnx/distance.ts";
import type { TowerFeatures } from "../onnx/reference-features.ts";
import type { Finding } from "../verification.ts";

/** Features of the reference inputs, by tower. */
export type Features = Readonly<Partial<Record<GraphTower, TowerFeatures>>>;

/**
 * Largest `1 − cos` of features that should be the same, computed in float32 from the same numbers: a relative distance
 * of 4.5e-5. On the systems in `fixtures/` other layouts were measured to give 0 and two threads for one 2e-14; a
 * QuickGELU for a GELU gives 7e-6 and more. An eps of 1e-6 for 1e-5 gives 3e-10 to 6e-6: not all are told by features.
 */
export const SAME_NUMBERS_LIMIT = 1e-9;

/** A length may be off by as much as the limit on the angle allows a vector to be off. */
function lengthLimit(limit: number): number {
	return Math.sqrt(2 * limit);
}

/** `1 − cos` of one image to another of another picture below this says that the picture does not matter. */
const DIFFERENT_INPUTS = 1e-12;

/** What is wrong with features on their own: not finite, zero, or the same whatever comes in. */
export function soundnessFindings(features: Features): Finding[] {
	return towersOf(features).flatMap(([tower, { values, width }]): Finding[] => {
		const bad = values.findIndex((value) => !Number.isFinite(value));
		if (bad >= 0) {
			const message = `the ${tower} features hold ${values[bad]} in row ${Math.floor(bad / width)}`;
			return [{ level: "error", message, expected: "finite numbers", found: String(values[bad]) }];
		}
		const rows = Array.from({ length: values.length / width }, (_, row) =>
			values.subarray(row * width, (row + 1) * width),
		);
		const [first = new Float32Array(), ...others] = rows;
		if (rows.some((row) => row.every((value) => value === 0))) {
			return [{ level: "error", message: `the ${tower} features of an input are all zero` }];
		}
		const isSame = others.every((row) => featureDistance(row, first, width).oneMinusCos < DIFFERENT_INPUTS);
		if (!isSame) return [];
		return [{ level: "error", message: `the ${tower} features are the same for every input`, found: "no difference" }];
	});
}

/** Whether features are near enough; NaN never is. */
export function isWithin({ oneMinusCos, lengthError }: FeatureDistance, limit: number): boolean {
	return oneMinusCos <= limit && lengthError <= lengthLimit(limit);
}

export function towersOf(features: Features): readonly (readonly [GraphTower, TowerFeatures])[] {
	return (["image", "text"] as const).flatMap((tower) => {
		const found = features[tower];
		return found === undefined ? [] : [[tower, found] as const];
	});
}
