import type { Operation } from "../engine/operation.ts";
import type { PassSource } from "../engine/protocol.ts";
import type { ProductSums, ResidualSums, StepResult } from "../engine/results.ts";
import type { Watch } from "../progress.ts";
import { addProducts } from "./recover-products.ts";
import type { AlignedFloatTensor } from "./soup-sample.ts";
import { type StreamOptions, type StreamRow, streamRows } from "./soup-stream.ts";
import type { Subject } from "./subject.ts";

/** What a pass reads, and how. */
export interface MixtureStream {
	readonly sources: readonly PassSource[];
	/** The soup, then its ingredients. */
	readonly subjects: readonly Subject[];
	readonly options: StreamOptions;
	readonly watch: Watch;
}

/** Inner products of each tensor. */
export async function productsOf(
	tensors: readonly AlignedFloatTensor[],
	stream: MixtureStream,
): Promise<ReadonlyMap<AlignedFloatTensor, ProductSums>> {
	const operationOf = (tensor: AlignedFloatTensor): Operation => ({ kind: "products", ...operandsOf(tensor) });
	const found = await resultsOf(tensors, operationOf, stream, (result) => (result.kind === "products" ? [result] : []));
	return new Map([...found].map(([tensor, sums]) => [tensor, addProducts(sums)]));
}

/** Squared residuals of each tensor, for mixtures of its own. */
export async function residualsOf(
	mixtures: ReadonlyMap<AlignedFloatTensor, readonly (readonly number[])[]>,
	stream: MixtureStream,
): Promise<ReadonlyMap<AlignedFloatTensor, readonly number[]>> {
	const operationOf = (tensor: AlignedFloatTensor): Operation => {
		return { kind: "residuals", mixtures: mixtures.get(tensor) ?? [], ...operandsOf(tensor) };
	};
	const tensors = [...mixtures.keys()];
	const found = await resultsOf(tensors, operationOf, stream, (result) =>
		result.kind === "residuals" ? [result] : [],
	);
	return new Map([...found].map(([tensor, sums]) => [tensor, addResiduals(sums)]));
}

function operandsOf({ values, matrix }: AlignedFloatTensor) {
	return { dtypes: [...values.inputs, values.soup], ...(matrix && { matrix }) };
}

/** One result for each run of a tensor, in the order of the elements: sums do not depend on which thread was first. */
async function resultsOf<Result>(
	tensors: readonly AlignedFloatTensor[],
	operationOf: (tensor: AlignedFloatTensor) => Operation,
	{ sources, subjects, options, watch }: MixtureStream,
	wanted: (result: StepResult) => readonly Result[],
): Promise<ReadonlyMap<AlignedFloatTensor, readonly Result[]>> {
	const found = new Map(tensors.map((tensor) => [tensor, tensor.runs.map((): readonly Result[] => [])]));
	const rows = [...found].flatMap(([tensor, ofRuns]) => {
		const operation = operationOf(tensor);
		return tensor.runs.map(({ elementCount, operands }, run): StreamRow => {
			const onResult = (result: StepResult) => {
				ofRuns[run] = wanted(result);
			};
			return { operation, elementCount, operands, onResult };
		});
	});
	await streamRows(rows, sources, subjects, options, watch);
	return new Map([...found].map(([tensor, ofRuns]) => [tensor, ofRuns.flat()]));
}

function addResiduals(sums: readonly ResidualSums[]): readonly number[] {
	return (sums[0]?.squares ?? []).map((_, mixture) => {
		return sums.reduce((total, { squares }) => total + (squares[mixture] ?? 0), 0);
	});
}
