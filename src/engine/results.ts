/** Non-finite values and overflow in one run of elements: what the careful kernel counted. */
export interface MeanFinding {
	readonly kind: "mean";
	/** Elements that are NaN or infinite, for each operand. */
	readonly nonFinite: readonly number[];
	/** Elements whose operands are all finite and whose result the output dtype cannot hold. */
	readonly overflow: number;
}

/** Operands of a copy that differ from the first one. */
export interface CopyFinding {
	readonly kind: "copy";
	/** Operand numbers, from 0. */
	readonly unequal: readonly number[];
}

/** Statistics of one float tensor; all but the counts are over its finite elements, in float64. */
export interface TensorStatistics {
	readonly kind: "scan";
	readonly elements: number;
	readonly nan: number;
	readonly infinite: number;
	/** Flat indices of the first and the last element that is NaN or infinite; undefined if none is. */
	readonly nonFiniteRange: readonly [first: number, last: number] | undefined;
	readonly zeros: number;
	readonly min: number;
	readonly max: number;
	readonly mean: number;
	/** Population standard deviation. */
	readonly std: number;
	/** Euclidean norm. */
	readonly l2: number;
}

/** The elements of a float tensor that are NaN or infinite. */
export interface NonFiniteElements {
	readonly kind: "finite";
	readonly nan: number;
	readonly infinite: number;
	/** Flat index of the first and of the last of them. */
	readonly first: number;
	readonly last: number;
}

/** How two tensors of one shape differ; the numbers are over the elements that are finite in both, in float64. */
export interface TensorDifference {
	readonly kind: "compare";
	/** Elements whose bits differ (bytes, for a dtype without arithmetic). */
	readonly differing: number;
	/** Elements that are NaN or infinite in one or both, and whose bits differ. */
	readonly nonFinite: number;
	readonly maxAbs: number;
	/** Element at which `maxAbs` is reached first. */
	readonly maxAbsAt: number;
	/** Largest distance in representable values of the dtype; undefined between different dtypes. */
	readonly maxUlp: number | undefined;
	/** Sums of squares of a, b and a − b, and of products: what norms and cosines over many tensors are made of. */
	readonly sumAA: number;
	readonly sumBB: number;
	readonly sumAB: number;
	readonly sumDD: number;
}

/** Elements of a run that are not the mean that was recomputed, bit for bit. */
export interface MeanDeviation {
	readonly kind: "recompute";
	readonly differing: number;
	/** Of them, those that are NaN or infinite in the mean or where it is stored. */
	readonly nonFinite: number;
	/** First and last of them, counted from the start of the step. */
	readonly first: number;
	readonly last: number;
	/** The mean and what is stored at `first`. */
	readonly expected: number;
	readonly found: number;
	/** Largest distance of finite values in representable values of the dtype. */
	readonly maxUlp: number;
}

/** What the weights of a mixture follow from: sums over elements that are finite in all operands, in float64. */
export interface ProductSums {
	readonly kind: "products";
	/** Elements that were summed. */
	readonly elements: number;
	/** Elements left out, because some operand is NaN or infinite there. */
	readonly nonFinite: number;
	/**
	 * `⟨dᵢ, dⱼ⟩` for j ≤ i, row by row, of the n vectors `dᵢ = xᵢ − r` (i < n − 1) and `dₙ₋₁ = s − r`, with n inputs x of
	 * which the last is r, and the mixture s.
	 */
	readonly products: readonly number[];
	/** ‖s‖². */
	readonly squares: number;
}

/** How far mixtures are from what is stored: sums over elements that are finite in all operands, in float64. */
export interface ResidualSums {
	readonly kind: "residuals";
	/** ‖s − Σ wₖ·xₖ‖² of each mixture. */
	readonly squares: readonly number[];
}

export type StepResult =
	| MeanFinding
	| CopyFinding
	| TensorStatistics
	| NonFiniteElements
	| TensorDifference
	| MeanDeviation
	| ProductSums
	| ResidualSums;

/** SHA-256 of the bytes a step read and wrote, lower-case hex. */
export interface StepDigests {
	readonly operands: readonly string[];
	readonly output: string | undefined;
}
