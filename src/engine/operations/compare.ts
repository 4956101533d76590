import { BLOCK_ELEMENTS, type MeanWorkspace } from "../../kernels/wasm.ts";
import { type FloatDtype, floatByteLength } from "../../tensor/dtype.ts";
import type { TensorDifference } from "../results.ts";
import { type BitComparison, compareBits } from "./bits.ts";
import type { Runner } from "./runner.ts";

type Sums = { -readonly [K in keyof TensorDifference]: TensorDifference[K] };

/**
 * Compares two operands element by element.
 *
 * @param dtypes their float dtypes; undefined compares bytes and counts them, which is all that can be said of others
 */
export function compareRunner(workspace: MeanWorkspace, dtypes: readonly [FloatDtype, FloatDtype] | undefined): Runner {
	const sources = workspace.sources.slice(0, 2);
	const [a = new Uint8Array(), b = new Uint8Array()] = sources;
	const valuesOfA = new Float64Array(BLOCK_ELEMENTS);
	const bits = dtypes && dtypes[0] === dtypes[1] ? compareBits(dtypes[0], a, b) : undefined;
	let sums = noDifference(bits !== undefined);
	let offset = 0;

	const compareBytes = (count: number) => {
		for (let i = 0; i < count; i++) if (a[i] !== b[i]) sums.differing++;
	};
	const compareValues = (count: number, [dtypeA, dtypeB]: readonly [FloatDtype, FloatDtype]) => {
		const isEqual = bits !== undefined && equalBytes(a, b, count * floatByteLength(dtypeA));
		for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
			const length = Math.min(BLOCK_ELEMENTS, count - first);
			valuesOfA.set(workspace.decode(dtypeA, 0, first, length));
			const x = valuesOfA.subarray(0, length);
			if (isEqual) addEqualBlock(sums, x);
			else addBlock(sums, x, workspace.decode(dtypeB, 1, first, length), { first, offset, bits });
		}
	};
	return {
		sources,
		output: undefined,
		chunk(count) {
			if (dtypes === undefined) {
				if (!equalBytes(a, b, count)) compareBytes(count);
			} else compareValues(count, dtypes);
			offset += count;
		},
		end() {
			const result = sums;
			sums = noDifference(bits !== undefined);
			offset = 0;
			return result;
		},
	};
}

function noDifference(hasUlp: boolean): Sums {
	return {
		kind: "compare",
		differing: 0,
		nonFinite: 0,
		maxAbs: 0,
		maxAbsAt: 0,
		maxUlp: hasUlp ? 0 : undefined,
		sumAA: 0,
		sumBB: 0,
		sumAB: 0,
		sumDD: 0,
	};
}

function equalBytes(a: Uint8Array, b: Uint8Array, byteLength: number): boolean {
	return Buffer.compare(a.subarray(0, byteLength), b.subarray(0, byteLength)) === 0;
}

/** Equal bits: only the norms grow. */
function addEqualBlock(sums: Sums, values: Float64Array): void {
	let squares = 0;
	for (const value of values) if (Number.isFinite(value)) squares += value * value;
	sums.sumAA += squares;
	sums.sumBB += squares;
	sums.sumAB += squares;
}

interface Place {
	/** First element of the block within the chunk, and of the chunk within the tensor. */
	readonly first: number;
	readonly offset: number;
	/** The same elements' bits, by their place in the chunk; undefined between different dtypes. */
	readonly bits: BitComparison | undefined;
}

function addBlock(sums: Sums, a: Float64Array, b: Float64Array, place: Place): void {
	for (let i = 0; i < a.length; i++) {
		const x = a[i] ?? 0;
		const y = b[i] ?? 0;
		const areFinite = Number.isFinite(x) && Number.isFinite(y);
		if (areFinite) {
			sums.sumAA += x * x;
			sums.sumBB += y * y;
			sums.sumAB += x * y;
		}
		if (place.bits ? place.bits.isSame(place.first + i) : Object.is(x, y)) continue;
		sums.differing++;
		if (!areFinite) {
			sums.nonFinite++;
			continue;
		}
		const difference = Math.abs(x - y);
		sums.sumDD += difference * difference;
		if (difference > sums.maxAbs) {
			sums.maxAbs = difference;
			sums.maxAbsAt = place.offset + place.first + i;
		}
		if (place.bits) sums.maxUlp = Math.max(sums.maxUlp ?? 0, place.bits.ulp(place.first + i));
	}
}
