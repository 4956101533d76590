import { freemem } from "node:os";
import type { PartialArchitecture } from "../architectures/architecture.ts";
import { type ClipModel, storedOf } from "../checkpoint/model.ts";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { towerOf } from "../layouts/canonical.ts";
import { canonicalFaults } from "../layouts/canonical-faults.ts";
import { trainedBiasFix } from "../layouts/read-faults.ts";
import { storedForms } from "../layouts/stored-forms.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { decodeFloat } from "../tensor/float-bits.ts";
import { elementCount } from "../tensor/shape.ts";
import { buildTowerGraph, type GraphTower } from "./clip.ts";
import { openTower, type SessionOptions, type TowerSession } from "./session.ts";

/**
 * Opens a tower of a model for its forward pass, if it can give right features: every tensor is there, the biases that
 * a layout adds are zero, and memory suffices.
 *
 * @throws {ClipSoupError} all tensors that are missing or do not fit; ERR_VALUE_MISMATCH for a bias that is not zero;
 *   ERR_MEMORY; ERR_RUNTIME
 * @example
 * await using session = await openModelTower(model, architectureOf(model), "image");
 * const features = await session.run(pixels);
 */
export async function openModelTower(
	model: ClipModel,
	architecture: PartialArchitecture,
	tower: GraphTower,
	options: SessionOptions = {},
): Promise<TowerSession> {
	await assertRunnable(model, architecture, tower);
	refuseTooLarge(model, tower);
	return openTower(await buildTowerGraph(model, architecture, tower), options);
}

/** Throws unless a tower can give right features. @throws {ClipSoupError} as `openModelTower`, but for the memory */
export async function assertRunnable(
	model: ClipModel,
	architecture: PartialArchitecture,
	tower: GraphTower,
): Promise<void> {
	throwFaults(
		`Cannot run the ${tower} tower of "${model.path}"`,
		canonicalFaults(architecture, [...model.tensors, ...model.carried], new Set([tower]), {
			label: `"${model.path}"`,
			stored: storedForms(model.reading.recognitions),
		}),
	);
	if (tower === "image") throwFaults(`Cannot run the image tower of "${model.path}"`, await trainedBiasFaults(model));
}

/** One fault for each bias that timm's head has and OpenCLIP's projection has not, unless it is zero: the graph has no place for it. */
export async function trainedBiasFaults(model: ClipModel): Promise<readonly ClipSoupError[]> {
	const faults: ClipSoupError[] = [];
	for (const zero of model.reading.zeros) {
		const stored = storedOf(model, zero);
		const bytes = await model.checkpoints[zero.folder]?.readTensor(zero.name);
		if (bytes === undefined || stored === undefined || !isFloatDtype(stored.dtype)) continue;
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		const { dtype, shape } = stored;
		const trained = Array.from({ length: elementCount(shape) }, (_, index) => index).find(
			(index) => decodeFloat(dtype, view, index) !== 0,
		);
		if (trained === undefined) continue;
		faults.push(
			new ClipSoupError(
				"ERR_VALUE_MISMATCH",
				`Cannot run the image tower of "${model.path}": found an element of "${zero.name}" that is not 0, ` +
					"expected a projection without a bias",
				{ fix: trainedBiasFix(zero.name), details: { name: zero.name } },
			),
		);
	}
	return faults;
}

/**
 * Resident bytes for each byte of weights that ONNX Runtime holds: measured 1.07 on the image tower of ConvNeXt-XXLarge
 * at 256 × 256 in F32; weights of other dtypes are cast to F32 and held in both.
 */
const RESIDENT_SHARE = 1.1;

/** Node, ONNX Runtime and the activations of a small batch. */
const BASE_BYTES = 200e6;

function refuseTooLarge(model: ClipModel, tower: GraphTower): void {
	const needed = memoryOf(model, tower);
	const free = availableMemory();
	if (needed <= free) return;
	const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
	throw new ClipSoupError(
		"ERR_MEMORY",
		`Cannot run the ${tower} tower of "${model.path}": it takes about ${gigabytes(needed)}, and ${gigabytes(free)} are free`,
		{
			fix: "free memory; verify can do with one tower (--tower) or without a forward pass (--no-forward)",
			details: { tower, needed, free },
		},
	);
}

/** Memory that the forward pass of a tower takes, in bytes: an estimate from the headers. */
function memoryOf(model: ClipModel, tower: GraphTower): number {
	const weights = model.tensors
		.filter(({ name }) => towerOf(name) === tower)
		.reduce((sum, { dtype, shape, sources }) => {
			const stored = sources.reduce((bytes, source) => bytes + (storedOf(model, source)?.byteLength ?? 0), 0);
			return sum + (dtype === "F32" ? stored : stored + 4 * elementCount(shape));
		}, 0);
	return BASE_BYTES + RESIDENT_SHARE * weights;
}

/** What the system would give without swapping, within the limit of the container if Node knows one. */
function availableMemory(): number {
	const limit = process.constrainedMemory() ?? 0;
	const available = process.availableMemory?.() ?? freemem();
	return limit > 0 ? Math.min(limit, available) : available;
}
