import { encodeF16, signF16 } from "./encode-f16";
import { alignF16, magnitudeOf, rebias } from "./widen";

/**
 * The uniform mean of n F16 inputs, 3 ≤ n < 2^13, to F16, in float32, a block at a time. Input k is at
 * `source + k·stride`. Returns whether the block is right: not if a partial sum exceeds 1, and NaN and Inf do.
 *
 * Why float32 gives the contract's bits. Every F16 is a multiple of 2^-24, so partial sums of magnitude ≤ 1 are
 * multiples of it that fit in 24 bits: exact. The quotient q of such a sum S and n is rounded to 24 bits (53 in the
 * contract), then to F16, which can only differ from rounding at once if q ≠ M and q rounds to M, for some M halfway
 * between two F16. But S − nM is a multiple of 2^-24, or of 2^-25 where |q| < 2^-13, so |q − M| ≥ 2^-24/n or 2^-25/n,
 * while the 24-bit rounding moves q by at most 2^(e−24), 2^e ≤ |q| ≤ 1/n. In the first case that reaches 2^-24/n only
 * with |q| = 2^e = 1/n, which is exact; in the second it is at most 2^-38 < 2^-25/n. With 53 bits there is more room.
 *
 * Values are kept as float32 · 2^-112, which costs two instructions to make from F16; sums of subnormals are not slow.
 */
export function meanF16(source: usize, stride: usize, operands: i32, destination: usize, count: i32): bool {
	const end = destination + ((<usize>count) << 1);
	const divisors = f32x4.splat(<f32>operands);
	let highest = f32x4.splat(0);
	let lowest = highest;
	for (; destination < end; destination += 64, source += 64) {
		let a = f32x4.splat(-0);
		let b = a;
		let c = a;
		let d = a;
		let e = a;
		let f = a;
		let g = a;
		let h = a;
		let input = source;
		for (let k = operands; k > 0; k--, input += stride) {
			a = f32x4.add(a, alignF16(v128.load16x4_s(input)));
			b = f32x4.add(b, alignF16(v128.load16x4_s(input, 8)));
			c = f32x4.add(c, alignF16(v128.load16x4_s(input, 16)));
			d = f32x4.add(d, alignF16(v128.load16x4_s(input, 24)));
			e = f32x4.add(e, alignF16(v128.load16x4_s(input, 32)));
			f = f32x4.add(f, alignF16(v128.load16x4_s(input, 40)));
			g = f32x4.add(g, alignF16(v128.load16x4_s(input, 48)));
			h = f32x4.add(h, alignF16(v128.load16x4_s(input, 56)));
			highest = f32x4.pmax(highest, f32x4.pmax(highestOf(a, b, c, d), highestOf(e, f, g, h)));
			lowest = f32x4.pmin(lowest, f32x4.pmin(lowestOf(a, b, c, d), lowestOf(e, f, g, h)));
		}
		v128.store(destination, i16x8.narrow_i32x4_u(quotientF16(a, divisors), quotientF16(b, divisors)));
		v128.store(destination, i16x8.narrow_i32x4_u(quotientF16(c, divisors), quotientF16(d, divisors)), 16);
		v128.store(destination, i16x8.narrow_i32x4_u(quotientF16(e, divisors), quotientF16(f, divisors)), 32);
		v128.store(destination, i16x8.narrow_i32x4_u(quotientF16(g, divisors), quotientF16(h, divisors)), 48);
	}
	const peak = f32x4.max(highest, f32x4.neg(lowest));
	return i32x4.all_true(f32x4.le(peak, f32x4.splat(reinterpret<f32>((127 - 112) << 23))));
}

function quotientF16(sums: v128, divisors: v128): v128 {
	const quotient = f32x4.div(rebias(magnitudeOf(sums), 112), divisors);
	return v128.or(signF16(sums), encodeF16(quotient, reinterpret<f32>((127 - 14) << 23)));
}

function highestOf(a: v128, b: v128, c: v128, d: v128): v128 {
	return f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d));
}

function lowestOf(a: v128, b: v128, c: v128, d: v128): v128 {
	return f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d));
}
