import { bytesField, type Field, floatField, integerField, messageField, textField } from "./protobuf.ts";

/** `TensorProto.DataType`. Source, as of every number here: onnx/onnx.proto of ONNX 1.15. */
export const DATA_TYPES = {
	FLOAT: 1,
	INT32: 6,
	INT64: 7,
	FLOAT16: 10,
	DOUBLE: 11,
	BFLOAT16: 16,
	FLOAT8E4M3FN: 17,
	FLOAT8E5M2: 19,
} as const;

export type DataType = keyof typeof DATA_TYPES;

/** Operators of this version; `Gelu` is the newest of those in use. */
const OPSET = 20;

/** The version of the file format that belongs to `OPSET`. */
const IR_VERSION = 9;

/** Where a tensor's elements lie: here, or in a file whose path is relative to the model's folder. */
export type TensorData =
	| { readonly bytes: Uint8Array }
	| { readonly location: string; readonly position: number; readonly byteLength: number };

/** A tensor that a graph holds; little-endian, row-major. */
export interface Initializer {
	readonly name: string;
	readonly dataType: DataType;
	readonly shape: readonly number[];
	readonly data: TensorData;
}

/** An input or output of a graph; a dimension with a name is any number. */
export interface GraphValue {
	readonly name: string;
	readonly dataType: DataType;
	readonly shape: readonly (number | string)[];
}

/** An attribute of a node; a number is an integer, for a float say so. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** A step of a graph. */
export interface GraphNode {
	readonly name: string;
	readonly operator: string;
	readonly inputs: readonly string[];
	readonly outputs: readonly string[];
	readonly attributes: Readonly<Record<string, Attribute>>;
}

/** All of a graph, nodes in an order in which they can run. */
export interface GraphParts {
	readonly name: string;
	readonly nodes: readonly GraphNode[];
	readonly initializers: readonly Initializer[];
	readonly inputs: readonly GraphValue[];
	readonly outputs: readonly GraphValue[];
}

/** `ModelProto`: the bytes of an `.onnx` file. */
export function modelBytes(graph: GraphParts): Uint8Array {
	return Buffer.concat([
		integerField(1, IR_VERSION),
		textField(2, "clip-soup"),
		messageField(7, graphFields(graph)),
		messageField(8, [textField(1, ""), integerField(2, OPSET)]),
	]);
}

function graphFields({ name, nodes, initializers, inputs, outputs }: GraphParts): readonly Field[] {
	return [
		...nodes.map((node) => messageField(1, nodeFields(node))),
		textField(2, name),
		...initializers.map((tensor) => messageField(5, tensorFields(tensor))),
		...inputs.map((value) => messageField(11, valueFields(value))),
		...outputs.map((value) => messageField(12, valueFields(value))),
	];
}

function nodeFields({ name, operator, inputs, outputs, attributes }: GraphNode): readonly Field[] {
	return [
		...inputs.map((input) => textField(1, input)),
		...outputs.map((output) => textField(2, output)),
		textField(3, name),
		textField(4, operator),
		...Object.entries(attributes).map(([key, value]) => messageField(5, attributeFields(key, value))),
	];
}

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPES = { float: 1, integer: 2, integers: 7 } as const;

function attributeFields(name: string, value: Attribute): readonly Field[] {
	const named = textField(1, name);
	if (typeof value === "number") return [named, integerField(3, value), integerField(20, ATTRIBUTE_TYPES.integer)];
	if ("float" in value) return [named, floatField(2, value.float), integerField(20, ATTRIBUTE_TYPES.float)];
	return [named, ...value.map((one) => integerField(8, one)), integerField(20, ATTRIBUTE_TYPES.integers)];
}

function tensorFields({ name, dataType, shape, data }: Initializer): readonly Field[] {
	return [
		...shape.map((dimension) => integerField(1, dimension)),
		integerField(2, DATA_TYPES[dataType]),
		textField(8, name),
		...dataFields(data),
	];
}

/** `TensorProto.DataLocation.EXTERNAL`. */
const EXTERNAL = 1;

function dataFields(data: TensorData): readonly Field[] {
	if ("bytes" in data) return [bytesField(9, data.bytes)];
	return [
		entryField("location", data.location),
		entryField("offset", String(data.position)),
		entryField("length", String(data.byteLength)),
		integerField(14, EXTERNAL),
	];
}

function entryField(key: string, value: string): Field {
	return messageField(13, [textField(1, key), textField(2, value)]);
}

function valueFields({ name, dataType, shape }: GraphValue): readonly Field[] {
	const dimensions = shape.map((dimension) =>
		messageField(1, [typeof dimension === "number" ? integerField(1, dimension) : textField(2, dimension)]),
	);
	const tensorType = [integerField(1, DATA_TYPES[dataType]), messageField(2, dimensions)];
	return [textField(1, name), messageField(2, [messageField(1, tensorType)])];
}
