import type { ClipModel } from "../checkpoint/model.ts";
import type { CanonicalTensor, StoredName } from "../layouts/assemble.ts";
import { towerOf } from "../layouts/canonical.ts";
import { DTYPES } from "../tensor/dtype.ts";
import type { DigestedTensor } from "../tensor/model-digest.ts";
import { elementCount } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { type BytesRead, digestStep, type ReadStep, tensorStep } from "./census-pass.ts";
import { joinStatistics, type ValueStatistics } from "./census-statistics.ts";
import { storedKey } from "./census-tensors.ts";
import type { PassSource } from "./protocol.ts";

/** A canonical tensor and what its bytes, in OpenCLIP's order, tell. */
export interface CanonicalDigested extends DigestedTensor {
	/** The stored tensors that make it up; none if the header's metadata carries it. */
	readonly sources: readonly StoredName[];
	/** Whether the one stored matrix is the other way round. */
	readonly isTransposed: boolean;
	/** Of a float tensor. */
	readonly values: ValueStatistics | undefined;
}

/** How the canonical tensors of a model are read beside its stored ones. */
export interface CanonicalReading {
	/** Those whose bytes are not one stored tensor's. */
	readonly steps: readonly ReadStep[];
	/** Tensors that metadata carries, numbered after the files. */
	readonly sources: readonly PassSource[];
	/** The canonical tensors, from what the stored tensors and the steps told. */
	readonly finish: (stored: readonly BytesRead[], steps: readonly BytesRead[]) => readonly CanonicalDigested[];
}

/** Projection biases that timm's models always have and OpenCLIP's have not, or have untrained. */
const PROJECTION_BIASES: ReadonlySet<string> = new Set(["visual.head.proj.bias", "visual.head.mlp.fc2.bias"]);

/**
 * Plans to read a model's canonical tensors.
 *
 * One that is stored as it is, whatever its leading ones, has the digest of the stored tensor. A transposed matrix is
 * gathered; q, k and v go into one digest one after another.
 *
 * @param fileCount sources of the pass before those of this plan
 */
export function planCanonicalReading(
	model: Pick<ClipModel, "tensors" | "carried" | "path">,
	stored: readonly (StoredName & { readonly step: ReadStep })[],
	fileCount: number,
): CanonicalReading {
	const rows = new Map(stored.map((tensor, row) => [storedKey(tensor), row]));
	const steps: ReadStep[] = [];
	const ofFiles = model.tensors.map((tensor) => {
		const sourceRows = tensor.sources.flatMap((source) => rows.get(storedKey(source)) ?? []);
		const step = stepOf(
			tensor,
			sourceRows.flatMap((row) => stored[row]?.step ?? []),
		);
		return { tensor, sourceRows, step: step && steps.push(step) - 1 };
	});
	const ofMetadata = model.carried.map((tensor, number) => {
		const step = tensorStep(tensor.dtype, tensor.bytes.byteLength, { source: fileCount + number, position: 0 });
		return { tensor, step: steps.push(step) - 1 };
	});
	return {
		steps,
		sources: model.carried.map(({ name, bytes }) => ({ name: `${model.path} (${name})`, bytes })),
		finish(storedBytes, stepBytes) {
			const all = [
				...ofFiles.map(({ tensor, sourceRows, step }) => {
					const parts = sourceRows.flatMap((row) => storedBytes[row] ?? []);
					return digested(tensor, tensor, step === undefined ? parts[0] : stepBytes[step], parts);
				}),
				...ofMetadata.map(({ tensor, step }) => {
					const read = stepBytes[step];
					return digested(tensor, { sources: [], isTransposed: false }, read, read ? [read] : []);
				}),
			];
			return all.filter((tensor) => !isUntrainedBias(tensor));
		},
	};
}

/** The step that reads a canonical tensor's bytes; undefined if they are those of one stored tensor. */
function stepOf({ dtype, shape, isTransposed }: CanonicalTensor, parts: readonly ReadStep[]): ReadStep | undefined {
	const operands = parts.flatMap((part) => part.operands);
	const elementByteLength = DTYPES[dtype].bits / 8;
	if (isTransposed) {
		const [rows = 1, columns = 1] = shape.map(Number);
		const matrix = { rows, columns, transposed: [true] };
		return { operation: { kind: "digest", elementByteLength, matrix }, elementCount: rows * columns, operands };
	}
	if (parts.length === 1) return undefined;
	const whole = digestStep(elementCount(shape) * elementByteLength, { source: 0, position: 0 });
	return { ...whole, operation: { kind: "digest", parts: parts.length }, operands };
}

function digested(
	{ name, dtype, shape }: TensorInfo,
	{ sources, isTransposed }: Pick<CanonicalDigested, "sources" | "isTransposed">,
	bytes: BytesRead | undefined,
	parts: readonly BytesRead[],
): CanonicalDigested {
	const statistics = parts.flatMap((part) => part.statistics ?? []);
	return {
		name,
		dtype,
		// OpenCLIP stores its temperature as [] or [1]: the same number.
		shape: towerOf(name) === "joint" ? [] : shape,
		sha256: bytes?.sha256 ?? "",
		sources,
		isTransposed,
		values: statistics.length > 0 ? joinStatistics(statistics) : undefined,
	};
}

/** By content and not by configuration, so that the same files always have the same canonical tensors. */
function isUntrainedBias({ name, values }: CanonicalDigested): boolean {
	return PROJECTION_BIASES.has(name) && values !== undefined && values.zeros === values.elements;
}
