/**
 * What a tensor is to arithmetic: `parameter` is learned, `statistic` is a running mean or variance of BatchNorm
 * (neither is counted as a parameter), `counter` is its int64 number of batches, which is copied and never averaged.
 */
export type TensorRole = "parameter" | "statistic" | "counter";

/** A tensor that an architecture calls for, under its OpenCLIP name. */
export interface InventoryTensor {
	readonly name: string;
	readonly shape: readonly number[];
	readonly role: TensorRole;
}

/**
 * A step of the forward pass of one image or one text: its tensors, multiply-accumulates and output elements.
 *
 * A tower is a list of layers: the names of them are its inventory, the sums of them its profile.
 * What counts is what fvcore counts: convolutions and matrix products in both sums, norms and pooling in `macs` only,
 * embeddings, activations, softmax and additions in neither. Source: facebookresearch/fvcore, fvcore/nn/jit_handles.py.
 */
export interface Layer {
	readonly tensors: readonly InventoryTensor[];
	readonly macs: number;
	readonly activations: number;
}

/** fvcore's operations per element of an affine LayerNorm. */
const LAYER_NORM_MACS = 5;

/** fvcore's operations per element of an affine BatchNorm in evaluation mode. */
const BATCH_NORM_MACS = 2;

/** A learned tensor that takes part in no matrix product: embeddings, layer scales, temperatures. */
export function parameter(name: string, shape: readonly number[]): Layer {
	return { tensors: [{ name, shape, role: "parameter" }], macs: 0, activations: 0 };
}

/** A Linear of weight `[outputs, inputs]`, applied to `rows` vectors. `separator` is `_` in fused attention. */
export function linear(options: {
	readonly name: string;
	readonly inputs: number;
	readonly outputs: number;
	readonly rows: number;
	readonly bias?: boolean;
	readonly separator?: "." | "_";
}): Layer {
	const { name, inputs, outputs, rows, bias = true, separator = "." } = options;
	return {
		tensors: learned(`${name}${separator}`, [outputs, inputs], bias),
		macs: rows * inputs * outputs,
		activations: rows * outputs,
	};
}

/** A bare matrix `[inputs, outputs]` from the right, applied to one vector: `proj` and `text_projection`. */
export function projection(name: string, inputs: number, outputs: number): Layer {
	return { ...parameter(name, [inputs, outputs]), macs: inputs * outputs, activations: outputs };
}

/** A square convolution with `positions` output pixels; `inputs` are the channels of one group. */
export function convolution(options: {
	readonly name: string;
	readonly inputs: number;
	readonly outputs: number;
	readonly kernel: number;
	readonly positions: number;
	readonly bias: boolean;
}): Layer {
	const { name, inputs, outputs, kernel, positions, bias } = options;
	return {
		tensors: learned(`${name}.`, [outputs, inputs, kernel, kernel], bias),
		macs: positions * outputs * inputs * kernel ** 2,
		activations: positions * outputs,
	};
}

/** An affine LayerNorm of `rows` vectors. */
export function layerNorm(name: string, width: number, rows: number): Layer {
	return { tensors: learned(`${name}.`, [width], true), macs: LAYER_NORM_MACS * width * rows, activations: 0 };
}

/** An affine BatchNorm of `positions` pixels, with its running statistics. */
export function batchNorm(name: string, channels: number, positions: number): Layer {
	const shape = [channels];
	return {
		tensors: [
			...learned(`${name}.`, shape, true),
			{ name: `${name}.running_mean`, shape, role: "statistic" },
			{ name: `${name}.running_var`, shape, role: "statistic" },
			{ name: `${name}.num_batches_tracked`, shape: [], role: "counter" },
		],
		macs: BATCH_NORM_MACS * channels * positions,
		activations: 0,
	};
}

/** The two products of attention, `q·kᵀ` and `softmax·v`, over `rows` tokens; it has no tensors. */
export function attention(width: number, heads: number, rows: number): Layer {
	return { tensors: [], macs: 2 * rows ** 2 * width, activations: heads * rows ** 2 + rows * width };
}

/** The mean over all pixels of `elements` values; it has no tensors. */
export function globalAveragePool(elements: number): Layer {
	return { tensors: [], macs: elements, activations: 0 };
}

function learned(prefix: string, weight: readonly number[], bias: boolean): readonly InventoryTensor[] {
	const weights: InventoryTensor = { name: `${prefix}weight`, shape: weight, role: "parameter" };
	return bias ? [weights, { name: `${prefix}bias`, shape: weight.slice(0, 1), role: "parameter" }] : [weights];
}
