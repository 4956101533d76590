import { modelConfigOf } from "../architectures/architecture.ts";
import { describeArchitecture } from "../architectures/describe.ts";
import { originOf } from "../checkpoint/checkpoint.ts";
import type { Census } from "../engine/census.ts";
import type { CanonicalDigested } from "../engine/census-canonical.ts";
import { joinStatistics, type ValueStatistics } from "../engine/census-statistics.ts";
import type { Expectation } from "../lock/expectation.ts";
import { parseLock } from "../lock/parse.ts";
import { LOCK_SCHEMA_ID, LOCK_VERSION, type Lock, type LockGolden, type LockTensor } from "../lock/schema.ts";
import { serialiseLock } from "../lock/serialise.ts";
import { lockSoup } from "../lock/soup.ts";
import { parseRecipe, RECIPE_METADATA } from "../recipe.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import type { DigestedTensor } from "../tensor/model-digest.ts";
import { compareUtf8 } from "../tensor/names.ts";
import { equalShapes } from "../tensor/shape.ts";
import { VERSION } from "../version.ts";
import { layoutOf } from "./lock-comparison.ts";
import type { Subject } from "./subject.ts";

/** What a lock is made of. */
export interface LockParts {
	readonly subject: Subject;
	/** With `files`. */
	readonly census: Census;
	/** Features of reference inputs, if a forward pass was made. */
	readonly golden?: LockGolden | undefined;
	/** Those of the lock that is replaced; by default no element may be NaN or infinite. */
	readonly expect?: readonly Expectation[] | undefined;
}

/** What a fresh lock expects of the values. */
const DEFAULT_EXPECT: readonly Expectation[] = [{ match: "**", nonFinite: 0 }];

/** Digits of the mean and the root mean square: what does not depend on the order of the elements. */
const MEAN_DIGITS = 9;

/**
 * The lock of a model as it is.
 *
 * @throws {ClipSoupError} ERR_LOCK_INVALID for a model that a lock cannot describe: two tensors of one name, a
 *   dimension above 2^53
 */
export function composeLock({ subject, census, golden, expect = DEFAULT_EXPECT }: LockParts): Lock {
	const lock: Lock = {
		$schema: LOCK_SCHEMA_ID,
		lockVersion: LOCK_VERSION,
		generator: { name: "clip-soup", version: VERSION },
		model: describeModel(subject, census),
		files: (census.files ?? []).map(({ path, size, sha256 }) => ({ path, size, sha256: prefixed(sha256) })),
		modelDigest: census.modelDigest,
		canonicalDigest: census.canonicalDigest,
		...describeTensors(census),
		soup: lockSoup(parseRecipe(subject.checkpoints[0]?.metadata.get(RECIPE_METADATA) ?? "")),
		golden,
		expect: [...expect],
	};
	// What cannot be read back must not be written.
	return parseLock(serialiseLock(lock), subject.path);
}

function describeModel(subject: Subject, { tensors }: Census): Lock["model"] {
	const { architecture, preprocess } = subject.model?.knowledge ?? {};
	const dtypes = new Set(tensors.map(({ dtype }) => dtype).filter(isFloatDtype));
	const { mean, std } = preprocess ?? {};
	return {
		...originOf(subject.checkpoints),
		layout: layoutOf(subject),
		dtype: [...dtypes].sort().join("+"),
		...(architecture && {
			arch: describeArchitecture(architecture),
			architecture: { ...modelConfigOf(architecture) },
		}),
		...(preprocess && mean && std && { preprocess: { ...preprocess, mean: [...mean], std: [...std] } }),
	};
}

/** Canonical tensors of a CLIP, and the stored ones where these are others. */
function describeTensors({ tensors, canonical }: Census): Pick<Lock, "tensors" | "stored"> {
	const stored = [...tensors].sort((a, b) => compareUtf8(a.name, b.name));
	if (canonical === undefined) {
		return {
			tensors: stored.map((tensor) => entryOf(tensor, tensor.statistics && joinStatistics([tensor.statistics]))),
		};
	}
	const sorted = canonical.toSorted((a, b) => compareUtf8(a.name, b.name));
	return {
		tensors: sorted.map((tensor) => entryOf(tensor, tensor.values)),
		...(!isStoredAsIs(stored, sorted) && { stored: stored.map((tensor) => entryOf(tensor, undefined)) }),
	};
}

function isStoredAsIs(stored: readonly DigestedTensor[], canonical: readonly CanonicalDigested[]): boolean {
	return (
		stored.length === canonical.length &&
		stored.every(({ name, shape, sha256 }, index) => {
			const twin = canonical[index];
			return twin?.name === name && twin.sha256 === sha256 && equalShapes(twin.shape, shape);
		})
	);
}

function entryOf({ name, dtype, shape, sha256 }: DigestedTensor, values: ValueStatistics | undefined): LockTensor {
	const stats = values && {
		min: values.min,
		max: values.max,
		mean: Number(values.mean.toPrecision(MEAN_DIGITS)),
		rms: Number(values.rms.toPrecision(MEAN_DIGITS)),
		zeros: values.zeros,
		nonFinite: values.nonFinite,
	};
	return { name, dtype, shape: shape.map(Number), sha256: prefixed(sha256), ...(stats && { stats }) };
}

function prefixed(sha256: string): string {
	return `sha256:${sha256}`;
}
