import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import type { GraphTower } from "../onnx/clip.ts";
import { featureDistance } from "../onnx/distance.ts";
import type { TowerFeatures } from "../onnx/reference-features.ts";
import type { Watch } from "../progress.ts";
import type { Finding } from "../verification.ts";
import { explainFeatures } from "./diagnose.ts";
import { type Features, isWithin, towersOf } from "./features.ts";

/** What is compared, and how. */
export interface FeatureComparison {
	readonly model: ClipModel;
	readonly architecture: PartialArchitecture;
	readonly found: Features;
	readonly expected: Features;
	/** Whose the expected features are, for messages. */
	readonly label: string;
	/** Largest `1 − cos`. */
	readonly limit: number;
	readonly threads?: number | undefined;
}

/** What came of it; `towers` is 0 if there was nothing in common. */
export interface ComparedFeatures {
	readonly towers: number;
	/** The measured figures. */
	readonly detail: string;
	readonly findings: readonly Finding[];
}

/** Compares features of the same inputs, tower by tower; for those that differ it looks for the mistake that explains it. */
export async function compareFeatures(comparison: FeatureComparison, watch: Watch = {}): Promise<ComparedFeatures> {
	const { found, expected, limit } = comparison;
	const figures: string[] = [];
	const findings: Finding[] = [];
	for (const [tower, features] of towersOf(found)) {
		const other = expected[tower];
		if (other === undefined) continue;
		if (features.width !== other.width || features.values.length !== other.values.length) {
			figures.push(`${tower} of another shape`);
			findings.push(shapeFinding(tower, features, other, comparison.label));
			continue;
		}
		const distance = featureDistance(features.values, other.values, other.width);
		figures.push(`${tower} ${distance.oneMinusCos.toExponential(1)}`);
		if (isWithin(distance, limit)) continue;
		const cause = await explainFeatures(comparison.model, comparison.architecture, tower, other, comparison, watch);
		findings.push({
			level: "error",
			message: `the ${tower} features of row ${distance.row} are not those of ${comparison.label}`,
			found: `1 − cos ${distance.oneMinusCos.toExponential(2)}, lengths off by ${distance.lengthError.toExponential(2)}`,
			expected: `at most ${limit.toExponential(0)}`,
			...(cause !== undefined && { cause }),
		});
	}
	const detail =
		figures.length === 0 ? "no tower in common" : `1 − cos ${figures.join(", ")}; limit ${limit.toExponential(0)}`;
	return { towers: figures.length, detail, findings };
}

/** Nothing to measure, and nothing that another setting of the same architecture would explain. */
function shapeFinding(tower: GraphTower, found: TowerFeatures, expected: TowerFeatures, label: string): Finding {
	return {
		level: "error",
		message: `the ${tower} features are ${sizeOf(found)}, those of ${label} ${sizeOf(expected)}`,
		found: sizeOf(found),
		expected: sizeOf(expected),
	};
}

function sizeOf({ values, width }: TowerFeatures): string {
	return `${values.length / width} × ${width}`;
}
