import type { Checkpoint, CheckpointTensor } from "./checkpoint/checkpoint.ts";
import { closeAll, openCheckpoints } from "./checkpoint/open.ts";
import { OperationList } from "./engine/operation.ts";
import { runPass } from "./engine/pass.ts";
import { sourceNumbers, sourcesOf } from "./engine/plan.ts";
import type { TensorDifference } from "./engine/results.ts";
import { type Step, StepTable } from "./engine/step-table.ts";
import { Hub } from "./hub/hub.ts";
import type { ResolvedReference } from "./origin.ts";
import type { Watch } from "./progress.ts";
import { type Dtype, floatByteLength, isFloatDtype } from "./tensor/dtype.ts";
import { equalShapes, type Shape } from "./tensor/shape.ts";

export interface DiffOptions {
	/** Worker threads. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
}

/** How far two float tensors of one shape are apart; over the elements that are finite in both, in float64. */
export interface Distance {
	readonly maxAbs: number;
	/** Flat index of the element where `maxAbs` is reached first. */
	readonly maxAbsAt: number;
	/** ‖a − b‖ / ‖a‖; Infinity if only a is zero. */
	readonly relativeL2: number;
	/** Undefined if a or b is zero. */
	readonly cosine: number | undefined;
	/** Largest distance in representable values; undefined between different dtypes. */
	readonly maxUlp: number | undefined;
	/** Elements that are NaN or Inf in a or b and whose bits differ. */
	readonly nonFinite: number;
}

export type TensorStatus = "equal" | "differs" | "only-in-a" | "only-in-b" | "shape-differs" | "dtype-differs";

export interface TensorDiff {
	readonly name: string;
	readonly status: TensorStatus;
	readonly dtypes: readonly [Dtype | undefined, Dtype | undefined];
	readonly shapes: readonly [Shape | undefined, Shape | undefined];
	/** Elements whose bits differ; bytes, for a dtype without arithmetic. */
	readonly differing: number;
	/** Of float tensors of one shape. */
	readonly distance?: Distance;
}

export interface Diff {
	readonly a: string;
	readonly b: string;
	/** Whether names, dtypes, shapes and bytes are all equal; metadata is not compared. */
	readonly equal: boolean;
	readonly counts: Readonly<Record<TensorStatus, number>>;
	/** In the order of a, then what only b has. */
	readonly tensors: readonly TensorDiff[];
	/** Over all float tensors that both have in one shape, as if they were one. */
	readonly distance: Omit<Distance, "maxAbsAt"> & { readonly maxAbsIn: string | undefined };
	/** What was read of the Hub, at which commit. */
	readonly origins: readonly ResolvedReference[];
}

/**
 * Compares two checkpoints tensor by tensor, streaming.
 *
 * @throws {ClipSoupError} what is wrong with a file, see docs/errors.md
 * @example
 * const { equal, distance } = await diff("augreg/", "rewind/");
 */
export async function diff(a: string, b: string, options: DiffOptions = {}, watch: Watch = {}): Promise<Diff> {
	const hub = new Hub(watch);
	const checkpoints = await openCheckpoints([a, b], hub);
	try {
		const [first, second] = checkpoints;
		if (first === undefined || second === undefined) throw new Error("Two checkpoints were opened");
		return { ...(await diffCheckpoints(first, second, options, watch)), origins: hub.origins };
	} finally {
		await closeAll(checkpoints);
	}
}

interface Pair {
	readonly name: string;
	readonly a: CheckpointTensor | undefined;
	readonly b: CheckpointTensor | undefined;
}

async function diffCheckpoints(
	a: Checkpoint,
	b: Checkpoint,
	options: DiffOptions,
	watch: Watch,
): Promise<Omit<Diff, "origins">> {
	const names = new Set([...a.tensors.keys(), ...b.tensors.keys()]);
	const pairs = [...names].map((name): Pair => ({ name, a: a.tensors.get(name), b: b.tensors.get(name) }));
	const found = await compare(a, b, pairs, options, watch);
	const tensors = pairs.map((pair, row) => tensorDiff(pair, found.get(row)));
	const counts = { equal: 0, differs: 0, "only-in-a": 0, "only-in-b": 0, "shape-differs": 0, "dtype-differs": 0 };
	for (const { status } of tensors) counts[status]++;
	return {
		a: a.path,
		b: b.path,
		equal: counts.equal === tensors.length,
		counts,
		tensors,
		distance: totalDistance(pairs, found),
	};
}

async function compare(
	a: Checkpoint,
	b: Checkpoint,
	pairs: readonly Pair[],
	{ threads }: DiffOptions,
	watch: Watch,
): Promise<Map<number, TensorDifference>> {
	const operations = new OperationList();
	const sourceOf = sourceNumbers([a, b]);
	const rows: { readonly pair: number; readonly step: Step }[] = [];
	for (const [number, { a: x, b: y }] of pairs.entries()) {
		if (x === undefined || y === undefined || !equalShapes(x.shape, y.shape)) continue;
		const areFloat = isFloatDtype(x.dtype) && isFloatDtype(y.dtype);
		if (!areFloat && x.dtype !== y.dtype) continue;
		const dtypes = isFloatDtype(x.dtype) && isFloatDtype(y.dtype) ? ([x.dtype, y.dtype] as const) : undefined;
		rows.push({
			pair: number,
			step: {
				operation: operations.indexOf({ kind: "compare", dtypes }),
				elementCount: dtypes ? x.byteLength / floatByteLength(dtypes[0]) : x.byteLength,
				operands: [
					{ source: sourceOf(0, x.file), position: x.position },
					{ source: sourceOf(1, y.file), position: y.position },
				],
			},
		});
	}
	const steps = new StepTable(rows.length, { operandCount: 2, outputCount: 0 });
	rows.forEach(({ step }, row) => {
		steps.set(row, step);
	});
	const found = new Map<number, TensorDifference>();
	await runPass(
		{
			operations: operations.all,
			steps,
			phase: "read",
			sources: sourcesOf([a, b]),
			outputs: [],
			threads,
			onResult: (row, result) => {
				if (result.kind === "compare") found.set(rows[row]?.pair ?? -1, result);
			},
		},
		watch,
	);
	await a.assertUnchanged();
	await b.assertUnchanged();
	return found;
}

function tensorDiff({ name, a, b }: Pair, found: TensorDifference | undefined): TensorDiff {
	const hasValues = found !== undefined && a !== undefined && isFloatDtype(a.dtype);
	return {
		name,
		status: statusOf(a, b, found),
		dtypes: [a?.dtype, b?.dtype],
		shapes: [a?.shape, b?.shape],
		differing: found?.differing ?? 0,
		...(hasValues && { distance: { ...distanceOf(found), maxAbsAt: found.maxAbsAt } }),
	};
}

function statusOf(
	a: CheckpointTensor | undefined,
	b: CheckpointTensor | undefined,
	found: TensorDifference | undefined,
): TensorStatus {
	if (b === undefined) return "only-in-a";
	if (a === undefined) return "only-in-b";
	if (!equalShapes(a.shape, b.shape)) return "shape-differs";
	if (a.dtype !== b.dtype) return "dtype-differs";
	return found?.differing === 0 ? "equal" : "differs";
}

type Sums = Omit<TensorDifference, "kind" | "maxAbsAt" | "differing">;

function distanceOf({ maxAbs, maxUlp, nonFinite, sumAA, sumBB, sumAB, sumDD }: Sums): Omit<Distance, "maxAbsAt"> {
	const norms = Math.sqrt(sumAA) * Math.sqrt(sumBB);
	return {
		maxAbs,
		relativeL2: sumDD === 0 ? 0 : Math.sqrt(sumDD / sumAA),
		// Rounding can carry the quotient of two nearly equal numbers past 1.
		cosine: norms === 0 ? undefined : sumDD === 0 ? 1 : Math.min(1, Math.max(-1, sumAB / norms)),
		maxUlp,
		nonFinite,
	};
}

function totalDistance(pairs: readonly Pair[], found: ReadonlyMap<number, TensorDifference>): Diff["distance"] {
	const total = { maxAbs: 0, nonFinite: 0, sumAA: 0, sumBB: 0, sumAB: 0, sumDD: 0 };
	let maxUlp: number | undefined = 0;
	let maxAbsIn: string | undefined;
	for (const [row, { name, a }] of pairs.entries()) {
		const difference = found.get(row);
		if (difference === undefined || a === undefined || !isFloatDtype(a.dtype)) continue;
		if (difference.maxAbs > total.maxAbs) {
			total.maxAbs = difference.maxAbs;
			maxAbsIn = name;
		}
		total.nonFinite += difference.nonFinite;
		for (const sum of ["sumAA", "sumBB", "sumAB", "sumDD"] as const) total[sum] += difference[sum];
		maxUlp = maxUlp === undefined || difference.maxUlp === undefined ? undefined : Math.max(maxUlp, difference.maxUlp);
	}
	return { ...distanceOf({ ...total, maxUlp }), maxAbsIn };
}
