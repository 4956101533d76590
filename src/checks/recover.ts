import { performance } from "node:perf_hooks";
import type { ProductSums } from "../engine/results.ts";
import type { Watch } from "../progress.ts";
import type { CheckResult } from "../verification.ts";
import { consensus } from "./recover-consensus.ts";
import type { Mixture, TensorMixture, Verdict } from "./recover-mixture.ts";
import { addProducts } from "./recover-products.ts";
import { productsOf, residualsOf } from "./recover-stream.ts";
import { mixtureCheck, verdictOn } from "./recover-verdict.ts";
import { equalInputs, type SolvedWeights, simpleWeights, solveWeights } from "./recover-weights.ts";
import { alignSoup } from "./soup-alignment.ts";
import { UNIT_ROUNDOFF } from "./soup-bound.ts";
import { type AlignedFloatTensor, isFloatTensor } from "./soup-sample.ts";
import type { StreamOptions } from "./soup-stream.ts";
import type { Subject } from "./subject.ts";

/** Which mixture of its ingredients a soup is. */
export interface Recovery {
	/** What most elements share. */
	readonly shared: Mixture;
	/** Float tensors with elements, in the soup's order. */
	readonly tensors: readonly TensorMixture[];
	readonly verdict: Verdict;
	/** The verdict as CS008. */
	readonly check: CheckResult;
}

/**
 * Finds the weights of a soup that has no recipe, from inner products: those that most elements share, and each tensor's.
 *
 * Reads everything twice, in constant memory; time grows with the square of the number of ingredients.
 * @throws {ClipSoupError} ERR_IO, ERR_INPUT_CHANGED
 */
export async function recoverMixture(
	soup: Subject,
	ingredients: readonly Subject[],
	options: StreamOptions = {},
	watch: Watch = {},
): Promise<Recovery> {
	const start = performance.now();
	const { tensors: aligned, sources, findings } = alignSoup(soup, ingredients);
	const stream = { sources, subjects: [soup, ...ingredients], options, watch };
	const floats = aligned.filter(isFloatTensor).filter(({ elementCount }) => elementCount > 0);
	const products = await productsOf(floats, stream);
	const measured = [...products].map(([tensor, sums]) => ({
		tensor,
		sums,
		tolerance: roundingTolerance(tensor),
		own: solveWeights(sums.products, sums.elements),
	}));
	const shared = measured.length === 0 ? undefined : consensus(measured);
	const residuals = await residualsOf(
		new Map(
			measured.map(({ tensor, own }) => [tensor, shared === undefined ? [own.weights] : [shared.weights, own.weights]]),
		),
		stream,
	);
	const tensors = measured.map(({ tensor, sums, tolerance, own }): TensorMixture => {
		const found = (residuals.get(tensor) ?? []).map((squares) => relative(squares, sums));
		return {
			name: tensor.name,
			file: tensor.file,
			elements: sums.elements,
			nonFinite: sums.nonFinite,
			...mixtureOf(own, found.at(-1)),
			sharedResidual: shared && found[0],
			tolerance,
		};
	});
	const total = addProducts(measured.map(({ sums }) => sums));
	const squares = [...residuals.values()].reduce((sum, [first = 0]) => sum + first, 0);
	const whole = mixtureOf(shared, shared && relative(squares, total));
	const verdict = verdictOn(whole, tensors, equalInputs(total.products));
	const check = mixtureCheck(verdict, tensors, findings, (performance.now() - start) / 1000);
	return { shared: whole, tensors, verdict, check };
}

function mixtureOf(solved: SolvedWeights | undefined, residual: number | undefined): Mixture {
	if (!solved?.isUnique) return { weights: undefined, errors: [], simple: undefined, residual };
	const { weights, errors } = solved;
	return { weights, errors, simple: simpleWeights(solved), residual };
}

/** A residual against ‖s‖; that of a soup of zeros is 0 or infinite. */
function relative(squares: number, { squares: ofSoup }: ProductSums): number {
	return squares === 0 ? 0 : Math.sqrt(squares / ofSoup);
}

/** Rounding error of weights that were solved in float64, against ‖s‖: what F64 soups are held to. */
const SOLVED_ERROR = 2 ** -40;

/** The residual that rounding leaves at most: two units of the soup's dtype, as truncation does, and float32 sums. */
function roundingTolerance({ inputs, values: { soup } }: AlignedFloatTensor): number {
	const sums = soup === "F64" ? SOLVED_ERROR : UNIT_ROUNDOFF.F32;
	return 2 * UNIT_ROUNDOFF[soup] + (inputs.length + 1) * sums;
}
