import { encodeF16, signF16 } from "./encode-f16";
import { alignF16, magnitudeOf } from "./widen";

/**
 * (a + b) / 2 with inputs and output of one dtype, in float32, a block at a time. Each returns whether the block is
 * right: not if it met a NaN or Inf, or a sum that only float64 can hold.
 *
 * Why float32 gives the contract's bits: rounding a sum of two p-bit floats to q bits and then to p is rounding it to p
 * at once if q ≥ 2p + 2 (Figueroa, When is double rounding innocuous?, SIGNUM Newsletter 30(3), 1995). For F32 that is
 * p = 24 and q = 53: the float64 of the contract is as good as the exact sum, and so is float32. For F16 (p = 11) and
 * BF16 (p = 8), q = 24. Where the theorem does not reach, among subnormals, a + b is a multiple of the smallest
 * subnormal that fits in q bits, hence exact, and is rounded once. Halving is exact, or it is that one rounding.
 *
 * All loops work on whole vectors; the buffers have room for the elements past `count`, whose values do not matter.
 */

/** Twice the bits of a float32 are at least this iff it is NaN or Inf. */
const DOUBLED_F32_INFINITY: i32 = 0xff000000;
const DOUBLED_F16_INFINITY: i16 = <i16>0xf800;

export function pairF32(a: usize, b: usize, destination: usize, count: i32): bool {
	const end = destination + ((<usize>count) << 2);
	let peak = i32x4.splat(0);
	for (; destination < end; destination += 32, a += 32, b += 32) {
		const first = f32x4.add(v128.load(a), v128.load(b));
		const second = f32x4.add(v128.load(a, 16), v128.load(b, 16));
		v128.store(destination, f32x4.mul(first, f32x4.splat(0.5)));
		v128.store(destination, f32x4.mul(second, f32x4.splat(0.5)), 16);
		peak = v128.max<u32>(peak, v128.max<u32>(i32x4.shl(first, 1), i32x4.shl(second, 1)));
	}
	return i32x4.all_true(v128.lt<u32>(peak, i32x4.splat(DOUBLED_F32_INFINITY)));
}

export function pairBF16(a: usize, b: usize, destination: usize, count: i32): bool {
	const end = destination + ((<usize>count) << 1);
	let peak = i32x4.splat(0);
	for (; destination < end; destination += 16, a += 16, b += 16) {
		const x = v128.load(a);
		const y = v128.load(b);
		// BF16 is the upper half of float32: even elements are moved there, odd ones are there already.
		const even = f32x4.add(i32x4.shl(x, 16), i32x4.shl(y, 16));
		const odd = f32x4.add(upperHalf(x), upperHalf(y));
		peak = v128.max<u32>(peak, v128.max<u32>(i32x4.shl(even, 1), i32x4.shl(odd, 1)));
		v128.store(destination, v128.or(i32x4.shr_u(halfAsBF16(even), 16), upperHalf(halfAsBF16(odd))));
	}
	return i32x4.all_true(v128.lt<u32>(peak, i32x4.splat(DOUBLED_F32_INFINITY)));
}

/** Half of four finite float32 with the upper half of the bits rounded to nearest even; the lower half is left over. */
function halfAsBF16(sums: v128): v128 {
	const mean = f32x4.mul(sums, f32x4.splat(0.5));
	const lastBit = v128.and(i32x4.shr_u(mean, 16), i32x4.splat(1));
	return i32x4.add(mean, i32x4.add(lastBit, i32x4.splat(0x7fff)));
}

function upperHalf(bits: v128): v128 {
	return v128.and(bits, i32x4.splat(0xffff0000));
}

/** Inputs are taken as float32 · 2^-112, where F16's subnormals are float32's and its Inf and NaN are finite. */
export function pairF16(a: usize, b: usize, destination: usize, count: i32): bool {
	const end = destination + ((<usize>count) << 1);
	let peak = i16x8.splat(0);
	for (; destination < end; destination += 32, a += 32, b += 32) {
		const first = v128.max<u16>(i16x8.shl(v128.load(a), 1), i16x8.shl(v128.load(b), 1));
		const second = v128.max<u16>(i16x8.shl(v128.load(a, 16), 1), i16x8.shl(v128.load(b, 16), 1));
		peak = v128.max<u16>(peak, v128.max<u16>(first, second));
		v128.store(destination, eightHalvesOfSums(a, b));
		v128.store(destination, eightHalvesOfSums(a + 16, b + 16), 16);
	}
	return i16x8.all_true(v128.lt<u16>(peak, i16x8.splat(DOUBLED_F16_INFINITY)));
}

function eightHalvesOfSums(a: usize, b: usize): v128 {
	const low = halfOfSumAsF16(v128.load16x4_s(a), v128.load16x4_s(b));
	const high = halfOfSumAsF16(v128.load16x4_s(a, 8), v128.load16x4_s(b, 8));
	return i16x8.narrow_i32x4_u(low, high);
}

/** The sum is not halved but encoded as if F16's exponents were one higher: in the scale above, 2^-14 is 2^-125. */
function halfOfSumAsF16(a: v128, b: v128): v128 {
	const sum = f32x4.add(alignF16(a), alignF16(b));
	return v128.or(signF16(sum), encodeF16(magnitudeOf(sum), reinterpret<f32>(2 << 23)));
}
