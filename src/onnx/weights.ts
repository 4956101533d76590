import { isAbsolute, relative, sep } from "node:path";
import { type ClipModel, storedOf } from "../checkpoint/model.ts";
import type { SessionFiles } from "../checkpoint/session-files.ts";
import { ClipSoupError } from "../errors.ts";
import type { CanonicalTensor } from "../layouts/assemble.ts";
import type { CarriedTensor } from "../layouts/carried.ts";
import { DTYPES, type Dtype } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/shape.ts";
import type { DataType, TensorData } from "./messages.ts";

/** A weight as a graph takes it in. */
export interface Weight {
	/** Unlike that of any other weight, so that a graph holds each once. */
	readonly name: string;
	readonly dataType: DataType;
	/** As stored: of a transposed matrix, columns first. */
	readonly shape: readonly number[];
	readonly data: TensorData;
	readonly isTransposed: boolean;
}

/** Weights by canonical name, however the files lay them out. */
export interface Weights {
	/** A whole tensor. @throws {ClipSoupError} ERR_TENSOR_MISSING, ERR_TENSOR_DTYPE */
	whole(name: string): Weight;
	/** Part `index` of the tensor's rows in `count` equal parts. @throws {ClipSoupError} as `whole` */
	part(name: string, index: number, count: number): Weight;
	/** Canonical names of all tensors that were asked for, in that order. */
	readonly used: ReadonlySet<string>;
}

/** Dtypes that ONNX has too; it computes with FLOAT and casts the others. */
const DATA_TYPES: Partial<Record<Dtype, DataType>> = {
	F64: "DOUBLE",
	F32: "FLOAT",
	F16: "FLOAT16",
	BF16: "BFLOAT16",
	F8_E4M3: "FLOAT8E4M3FN",
	F8_E5M2: "FLOAT8E5M2",
};

/**
 * The weights of a model as tensors that lie in its own files.
 */
export function weightsOf(model: ClipModel, { folder, realPaths }: SessionFiles): Weights {
	const stored = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
	const carried = new Map(model.carried.map((tensor) => [tensor.name, tensor]));
	const used = new Set<string>();
	const find = (name: string): CanonicalTensor | CarriedTensor => {
		used.add(name);
		const tensor = stored.get(name) ?? carried.get(name);
		if (tensor === undefined) throw missing(model, name);
		return tensor;
	};
	const place = (tensor: CanonicalTensor | CarriedTensor, source: number): TensorData => {
		if ("bytes" in tensor) return { bytes: tensor.bytes };
		const name = tensor.sources[source];
		const found = name && storedOf(model, name);
		const file = name && found && model.checkpoints[name.folder]?.files[found.file];
		if (file === undefined || found === undefined) throw missing(model, tensor.name);
		const given = file.source.file?.path;
		if (given === undefined) throw new Error(`"${file.source.name}" is not a file of this machine`);
		const path = realPaths.get(given) ?? given;
		return { location: locationOf(path, folder), position: found.position, byteLength: found.byteLength };
	};
	return {
		used,
		whole: (name) => {
			const tensor = find(name);
			if ("sources" in tensor && tensor.sources.length > 1) throw new Error(`"${name}" is stored in parts`);
			const isTransposed = "sources" in tensor && tensor.isTransposed;
			const shape = tensor.shape.map(Number);
			return {
				name,
				dataType: dataTypeOf(tensor),
				shape: isTransposed ? shape.toReversed() : shape,
				data: place(tensor, 0),
				isTransposed,
			};
		},
		part: (name, index, count) => {
			const tensor = find(name);
			const [rows = 0, ...columns] = tensor.shape.map(Number);
			const shape = [rows / count, ...columns];
			const isSplit = "sources" in tensor && tensor.sources.length === count;
			const data = isSplit
				? place(tensor, index)
				: slice(place(tensor, 0), index, (elementCount(shape) * DTYPES[tensor.dtype].bits) / 8);
			return { name: `${name} ${index + 1}/${count}`, dataType: dataTypeOf(tensor), shape, data, isTransposed: false };
		},
	};
}

function slice(data: TensorData, index: number, byteLength: number): TensorData {
	const begin = index * byteLength;
	if ("bytes" in data) return { bytes: data.bytes.subarray(begin, begin + byteLength) };
	return { location: data.location, position: data.position + begin, byteLength };
}

/** A path as ONNX writes it: relative, with slashes. */
function locationOf(path: string, folder: string): string {
	const location = relative(folder, path);
	if (isAbsolute(location) || location.split(sep)[0] === "..") throw new Error(`"${path}" is not in "${folder}"`);
	return location.split(sep).join("/");
}

function dataTypeOf({ name, dtype }: CanonicalTensor | CarriedTensor): DataType {
	const dataType = DATA_TYPES[dtype];
	if (dataType !== undefined) return dataType;
	const known = Object.keys(DATA_TYPES).join(", ");
	throw new ClipSoupError("ERR_TENSOR_DTYPE", `Cannot compute with "${name}": found ${dtype}, expected ${known}`, {
		fix: "give the checkpoint in a dtype with arithmetic",
		details: { tensor: name, dtype },
	});
}

function missing({ path }: ClipModel, name: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_TENSOR_MISSING",
		`Cannot compute the features of "${path}": found no tensor "${name}", expected one`,
		{ fix: "give a whole CLIP, or the text tower's folder with --text", details: { tensor: name } },
	);
}
