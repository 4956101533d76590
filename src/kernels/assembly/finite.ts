import { BF16, byteLength, F8_E4M3, F16, F32, F64 } from "./dtypes";

/**
 * Whether elements are finite, whole vectors at a time: the elements past `count` are looked at too, so that a false must
 * be looked into.
 *
 * Without its sign bit a float is NaN or infinite iff its bits, as an unsigned integer, are at least infinity's; E4M3,
 * which has no infinity, has one NaN. The bits are doubled, which shifts the sign out, and only their maximum is kept.
 */
export function isFinite<T>(source: usize, count: i32): bool {
	const end = source + <usize>count * <usize>byteLength<T>();
	let peak = i32x4.splat(0);
	for (; source < end; source += 32) {
		peak = larger<T>(peak, larger<T>(doubled<T>(v128.load(source)), doubled<T>(v128.load(source, 16))));
	}
	if (idof<T>() == idof<F64>()) return i32x4.all_true(v128.lt<u32>(peak, i32x4.splat(0xffe00000)));
	if (idof<T>() == idof<F32>()) return i32x4.all_true(v128.lt<u32>(peak, i32x4.splat(0xff000000)));
	if (idof<T>() == idof<F16>()) return i16x8.all_true(v128.lt<u16>(peak, i16x8.splat(<i16>0xf800)));
	if (idof<T>() == idof<BF16>()) return i16x8.all_true(v128.lt<u16>(peak, i16x8.splat(<i16>0xff00)));
	if (idof<T>() == idof<F8_E4M3>()) return i8x16.all_true(v128.lt<u8>(peak, i8x16.splat(<i8>0xfe)));
	return i8x16.all_true(v128.lt<u8>(peak, i8x16.splat(<i8>0xf8)));
}

/** Of an F64 the upper half tells: the lower one, shifted out of the comparison, is made zero. */
function doubled<T>(bits: v128): v128 {
	if (idof<T>() == idof<F64>()) return i32x4.shl(v128.and(bits, i64x2.splat(0xffffffff00000000)), 1);
	if (byteLength<T>() == 4) return i32x4.shl(bits, 1);
	if (byteLength<T>() == 2) return i16x8.shl(bits, 1);
	return i8x16.shl(bits, 1);
}

function larger<T>(a: v128, b: v128): v128 {
	if (byteLength<T>() == 8 || byteLength<T>() == 4) return v128.max<u32>(a, b);
	if (byteLength<T>() == 2) return v128.max<u16>(a, b);
	return v128.max<u8>(a, b);
}
