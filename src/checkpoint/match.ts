import { ClipSoupError } from "../errors.ts";
import { type Dtype, isFloatDtype } from "../tensor/dtype.ts";
import { nearestName } from "../tensor/names.ts";
import { equalShapes, formatShape } from "../tensor/shape.ts";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";

/** Names for which a similar one is looked up: every look-up reads all names of the other input. */
const MOST_SUGGESTIONS = 10;

export interface MatchOptions {
	/** Whether float tensors may have another dtype in each input, because the output's is chosen. */
	readonly allowMixedFloats: boolean;
	/** Names that do not matter. */
	readonly ignored: ReadonlySet<string>;
}

/** All faults that make inputs unfit to be averaged with the first one: names, shapes and dtypes, input by input. */
export function findMismatches(inputs: readonly Checkpoint[], options: MatchOptions): ClipSoupError[] {
	const [first, ...others] = inputs;
	if (first === undefined) return [];
	return others.flatMap((other, index) => new Comparison(first, other, index + 2, options).faults());
}

class Comparison {
	readonly #first: Checkpoint;
	readonly #other: Checkpoint;
	/** Number of the other input, counted from 1. */
	readonly #number: number;
	readonly #options: MatchOptions;

	constructor(first: Checkpoint, other: Checkpoint, number: number, options: MatchOptions) {
		this.#first = first;
		this.#other = other;
		this.#number = number;
		this.#options = options;
	}

	faults(): ClipSoupError[] {
		if (this.#first.layout !== this.#other.layout) return [this.#otherLayout()];
		const { ignored } = this.#options;
		const missing = [...this.#first.tensors.keys()].filter(
			(name) => !this.#other.tensors.has(name) && !ignored.has(name),
		);
		const extra = [...this.#other.tensors.keys()].filter(
			(name) => !this.#first.tensors.has(name) && !ignored.has(name),
		);
		return [
			...missing.map((name, index) => this.#missing(name, index < MOST_SUGGESTIONS ? extra : [])),
			...extra.map((name, index) => this.#extra(name, index < MOST_SUGGESTIONS ? missing : [])),
			...[...this.#first.tensors.values()].flatMap((tensor) => this.#compare(tensor)),
		];
	}

	#missing(name: string, extra: readonly string[]): ClipSoupError {
		return new ClipSoupError(
			"ERR_TENSOR_MISSING",
			`Cannot average "${name}": input ${this.#number} "${this.#other.path}" does not have it`,
			{ fix: this.#nameFix(name, extra), details: { tensor: name, input: this.#number } },
		);
	}

	#extra(name: string, missing: readonly string[]): ClipSoupError {
		return new ClipSoupError(
			"ERR_TENSOR_EXTRA",
			`Cannot average "${name}": only input ${this.#number} "${this.#other.path}" has it`,
			{ fix: this.#nameFix(name, missing), details: { tensor: name, input: this.#number } },
		);
	}

	/** Hardly any name is the same then: one fault says more than a list of all tensors. */
	#otherLayout(): ClipSoupError {
		const [expected, found] = [this.#first, this.#other].map(({ layout }) => layout ?? "unknown");
		return new ClipSoupError(
			"ERR_LAYOUT_MISMATCH",
			`Cannot average input ${this.#number} "${this.#other.path}" with "${this.#first.path}": found layout ${found}, expected ${expected} as in input 1`,
			{ fix: "average checkpoints of one layout", details: { input: this.#number, found, expected } },
		);
	}

	#nameFix(name: string, candidates: readonly string[]): string {
		const nearest = nearestName(name, candidates);
		return nearest === undefined
			? "average checkpoints of one architecture and one layout"
			: `the nearest name on the other side is "${nearest}"`;
	}

	#compare(tensor: CheckpointTensor): ClipSoupError[] {
		const other = this.#other.tensors.get(tensor.name);
		if (other === undefined || this.#options.ignored.has(tensor.name)) return [];
		if (!equalShapes(tensor.shape, other.shape)) {
			const found = { found: formatShape(other.shape), expected: formatShape(tensor.shape) };
			return [this.#differs("ERR_SHAPE_MISMATCH", tensor.name, found, "average checkpoints of one architecture")];
		}
		if (tensor.dtype === other.dtype || (this.#options.allowMixedFloats && bothFloat(tensor.dtype, other.dtype)))
			return [];
		const fix = bothFloat(tensor.dtype, other.dtype)
			? `choose the output's dtype: --dtype ${tensor.dtype.toLowerCase()}`
			: "average checkpoints whose integer and boolean tensors are of one dtype";
		return [this.#differs("ERR_DTYPE_MISMATCH", tensor.name, { found: other.dtype, expected: tensor.dtype }, fix)];
	}

	#differs(
		code: "ERR_SHAPE_MISMATCH" | "ERR_DTYPE_MISMATCH",
		tensor: string,
		{ found, expected }: { readonly found: string; readonly expected: string },
		fix: string,
	): ClipSoupError {
		const where = `in input ${this.#number} "${this.#other.path}", expected ${expected} as in "${this.#first.path}"`;
		return new ClipSoupError(code, `Cannot average "${tensor}": found ${found} ${where}`, {
			fix,
			details: { tensor, input: this.#number, found, expected },
		});
	}
}

function bothFloat(a: Dtype, b: Dtype): boolean {
	return isFloatDtype(a) && isFloatDtype(b);
}
