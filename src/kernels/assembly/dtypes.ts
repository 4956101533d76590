/**
 * The float dtypes as type arguments. `idof<T>()` is a constant of the compiler, so a kernel written once for `T` is
 * compiled once for each dtype, without a branch left in its loop.
 */
export class F64 {}
export class F32 {}
export class F16 {}
export class BF16 {}
export class F8_E4M3 {}
export class F8_E5M2 {}

/** Bytes of an element. */
export function byteLength<T>(): i32 {
	if (idof<T>() == idof<F64>()) return 8;
	if (idof<T>() == idof<F32>()) return 4;
	if (idof<T>() == idof<F16>() || idof<T>() == idof<BF16>()) return 2;
	return 1;
}

/** Fraction bits of a dtype of 8 or 16 bits. */
export function fractionBits<T>(): i32 {
	if (idof<T>() == idof<F16>()) return 10;
	if (idof<T>() == idof<BF16>()) return 7;
	if (idof<T>() == idof<F8_E4M3>()) return 3;
	return 2;
}

/** Exponent of the smallest normal value of a dtype of 8 or 16 bits. */
export function minExponent<T>(): i32 {
	if (idof<T>() == idof<BF16>()) return -126;
	if (idof<T>() == idof<F8_E4M3>()) return -6;
	return -14;
}

/**
 * The smallest float64 that rounds past the largest finite value: half a step above it, where the tie goes up to even.
 * E4M3's largest value, 448, is even itself, so the tie at 464 still belongs to it.
 */
export function overflowStart<T>(): f64 {
	if (idof<T>() == idof<F16>()) return 65520;
	if (idof<T>() == idof<BF16>()) return reinterpret<f64>(0x47eff00000000000);
	if (idof<T>() == idof<F8_E4M3>()) return reinterpret<f64>(0x407d000000000001);
	return 61440;
}
