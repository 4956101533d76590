import { byteLength, F32, F64, fractionBits, minExponent, overflowStart } from "./dtypes";
import { widen } from "./widen";

/**
 * The path for any mix of dtypes and weights, a block at a time: for each input `accumulate` into a block of float64,
 * then perhaps `divide`, then `round` into the destination. Every step is the contract's own, so there is nothing to
 * prove but that `round` rounds once.
 *
 * All loops work on eight elements; the buffers have room for the seven past `count`, whose values do not matter.
 */

/** sums += weight · source. Multiplying by 1 returns the factor itself. */
export function accumulate<T>(source: usize, sums: usize, count: i32, weight: f64): void {
	const weights = f64x2.splat(weight);
	const end = sums + ((<usize>count) << 3);
	while (sums < end) {
		accumulateFour<T>(source, sums, weights);
		accumulateFour<T>(source + 4 * byteLength<T>(), sums + 32, weights);
		source += 8 * byteLength<T>();
		sums += 64;
	}
}

function accumulateFour<T>(source: usize, sums: usize, weights: v128): void {
	if (idof<T>() == idof<F64>()) {
		accumulateTwo(v128.load(source), sums, weights);
		accumulateTwo(v128.load(source, 16), sums + 16, weights);
	} else {
		const values = widen<T>(source);
		accumulateTwo(f64x2.promote_low_f32x4(values), sums, weights);
		accumulateTwo(f64x2.promote_low_f32x4(v128.shuffle<f32>(values, values, 2, 3, 2, 3)), sums + 16, weights);
	}
}

function accumulateTwo(values: v128, sums: usize, weights: v128): void {
	v128.store(sums, f64x2.add(v128.load(sums), f64x2.mul(values, weights)));
}

/** sums = sums / divisor. */
export function divide(sums: usize, count: i32, divisor: f64): void {
	const divisors = f64x2.splat(divisor);
	const end = sums + ((<usize>count) << 3);
	for (; sums < end; sums += 16) v128.store(sums, f64x2.div(v128.load(sums), divisors));
}

/**
 * destination = factor · sums, rounded to nearest even; `factor` is a power of two.
 *
 * Returns whether all of it is finite. As NaN and Inf never leave a sum, a product or a quotient, that says that all
 * inputs are finite, too.
 */
export function round<T>(sums: usize, destination: usize, count: i32, factor: f64): bool {
	const factors = f64x2.splat(factor);
	const end = sums + ((<usize>count) << 3);
	let finite = i32x4.splat(-1);
	while (sums < end) {
		const a = f64x2.mul(v128.load(sums), factors);
		const b = f64x2.mul(v128.load(sums, 16), factors);
		const c = f64x2.mul(v128.load(sums, 32), factors);
		const d = f64x2.mul(v128.load(sums, 48), factors);
		finite = v128.and(finite, v128.and(v128.and(fits<T>(a), fits<T>(b)), v128.and(fits<T>(c), fits<T>(d))));
		storeEight<T>(destination, a, b, c, d);
		destination += 8 * byteLength<T>();
		sums += 64;
	}
	return i32x4.all_true(finite);
}

/** Lanes of ones where a value is a number and rounds to a finite one. */
function fits<T>(values: v128): v128 {
	if (idof<T>() == idof<F64>()) return f64x2.lt(magnitudeOf(values), f64x2.splat(Infinity));
	return f64x2.lt(magnitudeOf(values), f64x2.splat(overflowStart<T>()));
}

/** `f64x2.abs` with a mask that the loop shares: see `magnitudeOf` in widen.ts. */
function magnitudeOf(values: v128): v128 {
	return v128.and(values, i64x2.splat(i64.MAX_VALUE));
}

function storeEight<T>(destination: usize, a: v128, b: v128, c: v128, d: v128): void {
	if (idof<T>() == idof<F64>()) {
		v128.store(destination, a);
		v128.store(destination, b, 16);
		v128.store(destination, c, 32);
		v128.store(destination, d, 48);
	} else if (idof<T>() == idof<F32>()) {
		v128.store(destination, demote(a, b));
		v128.store(destination, demote(c, d), 16);
	} else {
		const low = v128.shuffle<i32>(encode<T>(a), encode<T>(b), 0, 2, 4, 6);
		const high = v128.shuffle<i32>(encode<T>(c), encode<T>(d), 0, 2, 4, 6);
		const words = i16x8.narrow_i32x4_u(low, high);
		if (byteLength<T>() == 2) v128.store(destination, words);
		else v128.store64_lane(destination, i8x16.narrow_i16x8_u(words, words), 0);
	}
}

function demote(low: v128, high: v128): v128 {
	return v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/**
 * Bits of two values in a dtype of 8 or 16 bits, each in the low half of its lane.
 *
 * The method of `encodeFloat` in tensor/float-bits.ts: the pattern is (exponent − minExponent)·2^fractionBits plus the
 * value counted in units of its last place. The count comes from adding the power of two whose own last place is that
 * unit: the sum is rounded to nearest even there, and its bits exceed those of the power by the count.
 */
function encode<T>(values: v128): v128 {
	const droppedBits = 52 - fractionBits<T>();
	const smallestNormal = (<i64>(1023 + minExponent<T>())) << 52;
	const magnitude = magnitudeOf(values);
	const floored = f64x2.pmax(magnitude, i64x2.splat(smallestNormal));
	const exponent = v128.and(floored, i64x2.splat(0x7ff0000000000000));
	const power = i64x2.add(exponent, i64x2.splat((<i64>droppedBits) << 52));
	const steps = i64x2.sub(f64x2.add(magnitude, power), power);
	const binades = i64x2.shr_u(i64x2.sub(exponent, i64x2.splat(smallestNormal)), droppedBits);
	const bits = 8 * byteLength<T>();
	const sign = v128.and(i64x2.shr_u(values, 64 - bits), i64x2.splat((<i64>1) << (bits - 1)));
	return v128.or(sign, i64x2.add(binades, steps));
}
