import {
	type Attribute,
	type DataType,
	type GraphNode,
	type GraphValue,
	type Initializer,
	modelBytes,
	type TensorData,
} from "./messages.ts";

/** A tensor within a graph: an input, a weight, a constant, or what a node computes. */
export interface Value {
	readonly name: string;
}

/** A graph that grows node by node, in the order of the data flow. */
export class Graph {
	readonly #name: string;
	readonly #nodes: GraphNode[] = [];
	readonly #initializers = new Map<string, Initializer>();
	readonly #inputs: GraphValue[] = [];
	readonly #outputs: GraphValue[] = [];

	constructor(name: string) {
		this.#name = name;
	}

	/** Declares an input; a dimension with a name is free. */
	input(name: string, dataType: DataType, shape: readonly (number | string)[]): Value {
		this.#inputs.push({ name, dataType, shape });
		return { name };
	}

	/** Declares that `value` is the output of this name. */
	output(name: string, value: Value, shape: readonly (number | string)[]): Value {
		this.#nodes.push({ name, operator: "Identity", inputs: [value.name], outputs: [name], attributes: {} });
		this.#outputs.push({ name, dataType: "FLOAT", shape });
		return { name };
	}

	/** Adds a node with one output; `operator` is one of ONNX's. */
	node(operator: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
		const name = `${operator}_${this.#nodes.length}`;
		this.#nodes.push({ name, operator, inputs: inputs.map((input) => input.name), outputs: [name], attributes });
		return { name };
	}

	/** A tensor of the graph's own; of the same name it is the same. */
	tensor(name: string, dataType: DataType, shape: readonly number[], data: TensorData): Value {
		if (!this.#initializers.has(name)) this.#initializers.set(name, { name, dataType, shape, data });
		return { name };
	}

	/** A vector of integers, such as the shape that `Reshape` is given. */
	integers(...values: readonly number[]): Value {
		const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
		return this.tensor(`integers ${values.join(",")}`, "INT64", [values.length], { bytes });
	}

	/** A scalar. */
	float(value: number): Value {
		return this.floats(`float ${value}`, [], [value]);
	}

	/** Floats under a name of their own. */
	floats(name: string, shape: readonly number[], values: readonly number[]): Value {
		return this.tensor(name, "FLOAT", shape, { bytes: new Uint8Array(Float32Array.from(values).buffer) });
	}

	/** The bytes of the `.onnx` file. */
	toBytes(): Uint8Array {
		return modelBytes({
			name: this.#name,
			nodes: this.#nodes,
			initializers: [...this.#initializers.values()],
			inputs: this.#inputs,
			outputs: this.#outputs,
		});
	}
}
