import { type FloatDtype, floatByteLength } from "../../tensor/dtype.ts";

/** Element-wise questions about two buffers of one float dtype that their float64 values cannot answer. */
export interface BitComparison {
	/** Whether element i has the same bits in both: tells −0 from +0, and one NaN from another. */
	isSame(index: number): boolean;
	/**
	 * Distance in representable values of the dtype; +0 and −0 are the same value.
	 *
	 * IEEE bit patterns without the sign ascend with the magnitude, so the distance is a difference of integers.
	 * F64 distances are exact up to 2^53, then rounded. Source: Dawson, "Comparing floating point numbers", 2012.
	 */
	ulp(index: number): number;
}

/** Compares `a` and `b`, buffers aligned to the dtype's size, whatever they hold at the time of the question. */
export function compareBits(dtype: FloatDtype, a: Uint8Array, b: Uint8Array): BitComparison {
	const byteLength = floatByteLength(dtype);
	if (byteLength === 8) {
		const [x, y] = [bigUint64View(a), bigUint64View(b)];
		return {
			isSame: (index) => x[index] === y[index],
			ulp: (index) => Number(magnitude(ordered64(x[index] ?? 0n) - ordered64(y[index] ?? 0n))),
		};
	}
	const sign = 2 ** (8 * byteLength - 1);
	const ordered = (bits: number) => (bits >= sign ? sign - bits : bits);
	const [x, y] = [unsignedView(byteLength, a), unsignedView(byteLength, b)];
	return {
		isSame: (index) => x[index] === y[index],
		ulp: (index) => Math.abs(ordered(x[index] ?? 0) - ordered(y[index] ?? 0)),
	};
}

function unsignedView(byteLength: number, bytes: Uint8Array): Uint8Array | Uint16Array | Uint32Array {
	if (byteLength === 1) return bytes;
	const length = Math.floor(bytes.byteLength / byteLength);
	if (byteLength === 2) return new Uint16Array(bytes.buffer, bytes.byteOffset, length);
	return new Uint32Array(bytes.buffer, bytes.byteOffset, length);
}

function bigUint64View(bytes: Uint8Array): BigUint64Array {
	return new BigUint64Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 8));
}

const SIGN_64 = 1n << 63n;

function ordered64(bits: bigint): bigint {
	return bits >= SIGN_64 ? SIGN_64 - bits : bits;
}

function magnitude(value: bigint): bigint {
	return value < 0n ? -value : value;
}
