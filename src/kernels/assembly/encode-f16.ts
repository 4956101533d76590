/**
 * F16 bits of four float32 magnitudes, rounded to nearest even, each in the low half of its lane.
 *
 * `smallestNormal` is the power of two that encodes as F16's 2^-14: magnitudes may come scaled. Method: see `encode`
 * in general.ts.
 */
export function encodeF16(magnitude: v128, smallestNormal: f32): v128 {
	const floored = f32x4.pmax(magnitude, f32x4.splat(smallestNormal));
	const exponent = v128.and(floored, i32x4.splat(0x7f800000));
	const power = i32x4.add(exponent, i32x4.splat(13 << 23));
	const steps = i32x4.sub(f32x4.add(magnitude, power), power);
	const binades = i32x4.shr_u(i32x4.sub(exponent, f32x4.splat(smallestNormal)), 13);
	return i32x4.add(binades, steps);
}

/** The sign of four float32 as that of F16 in the low half of each lane. */
export function signF16(values: v128): v128 {
	return v128.and(i32x4.shr_u(values, 16), i32x4.splat(0x8000));
}
