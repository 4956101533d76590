import type { Architecture } from "../../src/architectures/architecture.ts";
import type { CanonicalTensor } from "../../src/layouts/assemble.ts";
import { canonicalInventory } from "../../src/layouts/canonical.ts";
import type { Target } from "../../src/layouts/index.ts";
import { readLayouts } from "../../src/layouts/read.ts";
import { planWriting, type WrittenTensor } from "../../src/layouts/write.ts";
import { DTYPES } from "../../src/tensor/dtype.ts";
import { elementCount } from "../../src/tensor/shape.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";
import { type MemoryTensor, memoryTensor } from "./systems.ts";

/** A folder that was converted in memory. */
export interface MemoryFolder {
	readonly name: string;
	readonly tensors: readonly MemoryTensor[];
}

/** Carries out a reading: the canonical tensors of folders. Throws the first fault, and for a bias that is not zero. */
export function readCanonical(
	folders: readonly (readonly MemoryTensor[])[],
	architecture?: Architecture,
): readonly MemoryTensor[] {
	const expected = architecture && new Set(canonicalInventory(architecture).map(({ name }) => name));
	const stored = folders.map((tensors, index) => ({ label: `folder ${index}`, tensors }));
	const reading = readLayouts(stored, expected === undefined ? {} : { expected });
	if (reading.faults[0] !== undefined) throw reading.faults[0];
	const content = ({ folder, name }: { readonly folder: number; readonly name: string }) =>
		required(folders[folder]?.find((tensor) => tensor.name === name));
	for (const zero of reading.zeros) {
		if (content(zero).bytes?.some((byte) => byte !== 0)) throw new Error(`"${zero.name}" is not zero`);
	}
	return reading.tensors.map((tensor) => assembled(tensor, tensor.sources.map(content)));
}

/** Carries out a writing: the folders of a target. Throws the first fault. */
export function writeTarget(
	target: Target,
	architecture: Architecture,
	canonical: readonly MemoryTensor[],
): readonly MemoryFolder[] {
	const { folders, faults } = planWriting(target, architecture, canonical);
	if (faults[0] !== undefined) throw faults[0];
	const byName = new Map(canonical.map((tensor) => [tensor.name, tensor]));
	return folders.map(({ folder, tensors }) => ({
		name: folder.name,
		tensors: tensors.map((tensor) => written(tensor, byName)),
	}));
}

function assembled(tensor: CanonicalTensor, sources: readonly MemoryTensor[]): MemoryTensor {
	const [only] = sources;
	if (sources.length === 1 && only !== undefined && !tensor.isTransposed) return renamed(only, tensor);
	const parts = sources.flatMap(({ bytes }) => bytes ?? []);
	if (parts.length < sources.length) return unknown(tensor);
	const bytes = Buffer.concat(parts);
	return memoryTensor(tensor, tensor.isTransposed ? transpose(bytes, required(only)) : bytes);
}

function written({ name, shape, source }: WrittenTensor, byName: ReadonlyMap<string, MemoryTensor>): MemoryTensor {
	const tensor = required(byName.get(source.kind === "zeros" ? source.dtypeOf : source.name));
	const info = { name, shape, dtype: tensor.dtype };
	if (source.kind === "zeros") return memoryTensor(info, new Uint8Array(byteLength(info)));
	if (source.rows === undefined && !source.isTransposed) return renamed(tensor, info);
	if (tensor.bytes === undefined) return unknown(info);
	if (source.isTransposed) return memoryTensor(info, transpose(tensor.bytes, tensor));
	const rowBytes = tensor.bytes.length / Number(tensor.shape[0]);
	const [begin, end] = source.rows ?? [0, 0];
	return memoryTensor(info, tensor.bytes.subarray(begin * rowBytes, end * rowBytes));
}

function renamed({ bytes, sha256 }: MemoryTensor, { name, dtype, shape }: TensorInfo): MemoryTensor {
	return { name, dtype, shape, bytes, sha256 };
}

function unknown({ name, dtype, shape }: TensorInfo): MemoryTensor {
	return { name, dtype, shape, bytes: undefined, sha256: undefined };
}

/** The bytes of a matrix of `info`'s shape, columns first. */
function transpose(bytes: Uint8Array, { shape, dtype }: TensorInfo): Uint8Array {
	const [rows, columns] = shape.map(Number);
	const size = DTYPES[dtype].bits / 8;
	const out = new Uint8Array(bytes.length);
	for (let row = 0; row < required(rows); row++) {
		for (let column = 0; column < required(columns); column++) {
			const from = (row * required(columns) + column) * size;
			out.set(bytes.subarray(from, from + size), (column * required(rows) + row) * size);
		}
	}
	return out;
}

function byteLength({ shape, dtype }: TensorInfo): number {
	return (elementCount(shape) * DTYPES[dtype].bits) / 8;
}

function required<Value>(value: Value | undefined): Value {
	if (value === undefined) throw new Error("The reading or writing names what is not there");
	return value;
}
