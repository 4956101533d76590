import type { ClipModel } from "../checkpoint/model.ts";
import type { LockGolden } from "../lock/schema.ts";
import { REFERENCE_COUNTS, type TowerFeatures } from "../onnx/reference-features.ts";
import { runtimeVersion } from "../onnx/session.ts";
import type { Watch } from "../progress.ts";
import { type CheckResult, ranCheck } from "../verification.ts";
import type { FunctionFacts } from "./configuration.ts";
import { compareFeatures } from "./feature-comparison.ts";
import { type Features, SAME_NUMBERS_LIMIT, soundnessFindings, towersOf } from "./features.ts";

/** Features that a lock recorded, and how far others may be from them. */
export interface GoldenFeatures {
	readonly features: Features;
	/** Largest `1 − cos`. */
	readonly limit: number;
}

/** The features of a lock. */
export function readGolden({ image, text, limits }: LockGolden): GoldenFeatures {
	return {
		features: { ...(image && { image: featuresIn(image) }), ...(text && { text: featuresIn(text) }) },
		limit: limits.oneMinusCos,
	};
}

function featuresIn({ f32base64, shape: [, width] }: NonNullable<LockGolden["image"]>): TowerFeatures {
	const { buffer, byteOffset, byteLength } = Buffer.from(f32base64, "base64");
	return { width, values: new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)) };
}

/** Features as a lock records them; undefined if there was no forward pass. */
export async function goldenOf(features: Features | undefined): Promise<LockGolden | undefined> {
	if (features === undefined) return undefined;
	const { image, text } = features;
	return {
		...(image && { image: recorded(image) }),
		inputs: { generator: "numerics-v1", images: REFERENCE_COUNTS.image, texts: REFERENCE_COUNTS.text },
		limits: { oneMinusCos: SAME_NUMBERS_LIMIT },
		runtime: { ep: "cpu", onnxruntime: await runtimeVersion() },
		...(text && { text: recorded(text) }),
	};
}

function recorded({ values, width }: TowerFeatures): NonNullable<LockGolden["image"]> {
	const { buffer, byteOffset, byteLength } = values;
	const bytes = Buffer.from(buffer, byteOffset, byteLength);
	return { f32base64: bytes.toString("base64"), shape: [values.length / width, width] };
}

/** CS011: whether the forward pass gives sound features, and those of the lock if there is one. */
export async function checkFeatures(
	{ model, facts, features }: { readonly model: ClipModel; readonly facts: FunctionFacts; readonly features: Features },
	golden: GoldenFeatures | undefined,
	options: { readonly limit?: number | undefined; readonly threads?: number | undefined; readonly seconds: number },
	watch: Watch = {},
): Promise<CheckResult> {
	const sizes = towersOf(features).map(([tower, { values, width }]) => `${values.length / width} × ${width} ${tower}`);
	const sound = soundnessFindings(features);
	const detail = `${sizes.join(", ")} features of reference inputs`;
	if (golden === undefined || sound.length > 0) {
		return ranCheck("CS011", options.seconds, { detail: `${detail}: finite and distinct`, findings: sound });
	}
	const start = performance.now();
	const compared = await compareFeatures(
		{
			model,
			architecture: facts.architecture,
			found: features,
			expected: golden.features,
			label: "the lock",
			limit: options.limit ?? golden.limit,
			threads: options.threads,
		},
		watch,
	);
	const seconds = options.seconds + (performance.now() - start) / 1000;
	return ranCheck("CS011", seconds, { detail: `${detail}; ${compared.detail}`, findings: compared.findings });
}
