import { BF16, F8_E4M3, F16, F32 } from "./dtypes";

/** Four elements of a dtype narrower than F64 as float32, exactly. Inf stays Inf and a NaN stays a NaN. */
export function widen<T>(source: usize): v128 {
	if (idof<T>() == idof<F32>()) return v128.load(source);
	if (idof<T>() == idof<BF16>()) return i32x4.shl(v128.load16x4_u(source), 16);
	if (idof<T>() == idof<F16>()) return widenF16(v128.load16x4_s(source));
	const bytes = i16x8.extend_low_i8x16_s(v128.load32_zero(source));
	if (idof<T>() == idof<F8_E4M3>()) return widenE4M3(i32x4.extend_low_i16x8_s(bytes));
	// E5M2 is the upper half of F16.
	return widenF16(i32x4.extend_low_i16x8_s(i16x8.shl(bytes, 8)));
}

/** F16 bits, sign-extended to 32, whose exponent and fraction are moved to where float32 has them: the value · 2^-112. */
export function alignF16(bits: v128): v128 {
	return v128.and(i32x4.shl(bits, 13), i32x4.splat(0x8fffe000));
}

function widenF16(bits: v128): v128 {
	const aligned = alignF16(bits);
	const magnitude = rebias(magnitudeOf(aligned), 112);
	const nonFinite = v128.and(f32x4.ge(magnitude, f32x4.splat(65536)), i32x4.splat(0x7f800000));
	return v128.or(v128.or(magnitude, nonFinite), signOf(aligned));
}

function widenE4M3(bits: v128): v128 {
	const aligned = v128.and(i32x4.shl(bits, 20), i32x4.splat(0x87f00000));
	const magnitude = rebias(magnitudeOf(aligned), 120);
	const nan = v128.and(f32x4.eq(magnitude, f32x4.splat(480)), i32x4.splat(0x7f800000));
	return v128.or(v128.or(magnitude, nan), signOf(aligned));
}

/**
 * `magnitude` · 2^shift, exactly, for a magnitude of exponent field 0 to 127.
 *
 * Adding `shift` to the exponent field is all it takes for normal numbers. A subnormal x comes out as
 * N = 2^(shift−127) + x·2^shift / 2 instead, and N + (N − 2^(shift−126)) is right again; for normal numbers the
 * difference is not negative and is left out. Multiplying by 2^shift would do, but float32 subnormals make it slow:
 * 2.3 times as slow over F16 weights, which are full of them.
 */
export function rebias(magnitude: v128, shift: i32): v128 {
	const rebiased = i32x4.add(magnitude, i32x4.splat(shift << 23));
	const excess = f32x4.sub(rebiased, f32x4.splat(reinterpret<f32>((shift + 1) << 23)));
	return f32x4.add(rebiased, f32x4.pmin(excess, f32x4.splat(0)));
}

function signOf(values: v128): v128 {
	return v128.and(values, i32x4.splat(0x80000000));
}

/** `f32x4.abs`, for which V8 makes the mask anew each time, while it shares a constant within a loop. */
export function magnitudeOf(values: v128): v128 {
	return v128.and(values, i32x4.splat(0x7fffffff));
}
