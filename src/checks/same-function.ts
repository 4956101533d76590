import { type ClipModel, storedOf } from "../checkpoint/model.ts";
import type { Temperature } from "../onnx/logits.ts";
import type { Watch } from "../progress.ts";
import type { Dtype } from "../tensor/dtype.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { type FunctionFacts, functionFindings } from "./configuration.ts";
import { compareFeatures } from "./feature-comparison.ts";
import { type Features, SAME_NUMBERS_LIMIT } from "./features.ts";

/** A model whose features are known. */
export interface FeaturedModel {
	readonly path: string;
	readonly model: ClipModel;
	readonly facts: FunctionFacts;
	readonly features: Features;
	/** Undefined where the layout has no place for it. */
	readonly temperature: Temperature | undefined;
}

/**
 * Largest `1 − cos` between a model and its copy in a narrower dtype. Measured on the systems in `fixtures/`: F16 4e-7,
 * BF16 3e-5, which leaves some room for depth.
 */
const NARROWED_LIMITS: Partial<Record<Dtype, number>> = { F16: 5e-6, BF16: 1e-4, F8_E4M3: 1e-1, F8_E5M2: 1e-1 };

/** What a model's features may differ by from another's, by the dtypes of both. */
function limitBetween(a: ClipModel, b: ClipModel): number {
	const [ofA, ofB] = [dtypesOf(a), dtypesOf(b)];
	const isSame = ofA.size === ofB.size && [...ofA].every((dtype) => ofB.has(dtype));
	if (isSame) return SAME_NUMBERS_LIMIT;
	return Math.max(SAME_NUMBERS_LIMIT, ...[...ofA, ...ofB].map((dtype) => NARROWED_LIMITS[dtype] ?? 0));
}

function dtypesOf(model: ClipModel): Set<Dtype> {
	return new Set(
		model.tensors.flatMap(({ sources }) => sources.flatMap((source) => storedOf(model, source)?.dtype ?? [])),
	);
}

/** CS010: whether a model and another, in whatever layout, compute the same features of the same pixels and tokens. */
export async function checkSameFunction(
	subject: FeaturedModel,
	other: FeaturedModel,
	options: { readonly limit?: number | undefined; readonly threads?: number | undefined },
	watch: Watch = {},
): Promise<CheckResult> {
	const start = performance.now();
	const limit = options.limit ?? limitBetween(subject.model, other.model);
	const [own, label] = labelsOf(subject, other);
	const compared = await compareFeatures(
		{
			model: subject.model,
			architecture: subject.facts.architecture,
			found: subject.features,
			expected: other.features,
			label,
			limit,
			threads: options.threads,
		},
		watch,
	);
	const findings: Finding[] = [
		...functionFindings(subject.facts, other.facts, label),
		...compared.findings,
		...temperatureFindings(subject, other, limit),
	];
	if (compared.towers === 0) findings.push({ level: "error", message: `${label} has no tower in common with ${own}` });
	const seconds = (performance.now() - start) / 1000;
	return ranCheck("CS010", seconds, { detail: `${label}: ${compared.detail}`, findings });
}

/** Base names tell two models apart, unless they are the same. */
function labelsOf(a: FeaturedModel, b: FeaturedModel): readonly [string, string] {
	const key = a.model.name === b.model.name ? "path" : "name";
	return [`"${a.model[key]}"`, `"${b.model[key]}"`];
}

/** The features may agree and the logits not: they are blind to the temperature. */
function temperatureFindings(a: FeaturedModel, b: FeaturedModel, limit: number): Finding[] {
	if (a.temperature === undefined || b.temperature === undefined) return [];
	const [found, expected] = [a.temperature, b.temperature];
	const tolerance = Math.sqrt(2 * limit);
	const isSame =
		Math.abs(found.scale / expected.scale - 1) <= tolerance &&
		Math.abs(found.bias - expected.bias) <= tolerance * Math.max(1, Math.abs(expected.bias));
	if (isSame) return [];
	const [own, label] = labelsOf(a, b);
	const isExponentiated = Math.abs(Math.log(found.scale) / expected.scale - 1) <= tolerance;
	const isLogarithm = Math.abs(Math.log(expected.scale) / found.scale - 1) <= tolerance;
	return [
		{
			level: "error",
			message: `the temperature is not that of ${label}`,
			tensor: "logit_scale",
			found: `factor ${found.scale}, bias ${found.bias}`,
			expected: `factor ${expected.scale}, bias ${expected.bias}`,
			...(isExponentiated && { cause: `logit_scale was exponentiated in ${own}: it holds a logarithm` }),
			...(isLogarithm && { cause: `logit_scale was exponentiated in ${label}: it holds a logarithm` }),
		},
	];
}
