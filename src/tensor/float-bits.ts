import type { FloatDtype } from "./dtype.ts";

/**
 * Layout of a float of 8, 16 or 32 bits: a sign, an exponent and `fractionBits`, little-endian.
 *
 * `largest` and `nan` are bit patterns with the sign clear, the largest finite value and the canonical quiet NaN.
 * Magnitudes above `largest` are Inf and NaN.
 */
interface FloatLayout {
	readonly byteLength: 1 | 2 | 4;
	readonly fractionBits: number;
	/** Exponent of the smallest normal value. */
	readonly minExponent: number;
	readonly largest: number;
	/** Undefined where the dtype has no Inf: it becomes NaN. */
	readonly infinity: number | undefined;
	readonly nan: number;
}

/** Sources: IEEE 754-2019 §3.6; OCP 8-bit Floating Point Specification (OFP8) 1.0, §5.1, where E4M3 has one NaN and no Inf. */
// biome-ignore format: a table
const LAYOUTS: Readonly<Record<Exclude<FloatDtype, "F64">, FloatLayout>> = {
	F32:     { byteLength: 4, fractionBits: 23, minExponent: -126, largest: 0x7f7f_ffff, infinity: 0x7f80_0000, nan: 0x7fc0_0000 },
	F16:     { byteLength: 2, fractionBits: 10, minExponent: -14,  largest: 0x7bff,      infinity: 0x7c00,      nan: 0x7e00 },
	BF16:    { byteLength: 2, fractionBits: 7,  minExponent: -126, largest: 0x7f7f,      infinity: 0x7f80,      nan: 0x7fc0 },
	F8_E4M3: { byteLength: 1, fractionBits: 3,  minExponent: -6,   largest: 0x7e,        infinity: undefined,   nan: 0x7f },
	F8_E5M2: { byteLength: 1, fractionBits: 2,  minExponent: -14,  largest: 0x7b,        infinity: 0x7c,        nan: 0x7e },
};

/** Adding and taking away 2^52 rounds a float64 in [0, 2^51] to an integer, ties to even. */
const INTEGER_ROUNDER = 2 ** 52;

/**
 * The value of element `index` of a dense little-endian array, exactly; any NaN is a NaN.
 *
 * @throws {RangeError} if the element does not lie within `bytes`.
 */
export function decodeFloat(dtype: FloatDtype, bytes: DataView, index: number): number {
	if (dtype === "F64") return bytes.getFloat64(index * 8, true);
	const { byteLength, fractionBits, minExponent, largest, infinity } = LAYOUTS[dtype];
	const pattern = readBits(bytes, byteLength, index);
	const signBit = signBitOf(byteLength);
	const sign = pattern >= signBit ? -1 : 1;
	const magnitude = pattern & (signBit - 1);
	if (magnitude > largest) return magnitude === infinity ? sign * Number.POSITIVE_INFINITY : Number.NaN;
	const exponentField = magnitude >> fractionBits;
	const hiddenBit = 1 << fractionBits;
	const fraction = magnitude & (hiddenBit - 1);
	const steps = exponentField === 0 ? fraction : fraction + hiddenBit;
	return sign * steps * powerOfTwo(Math.max(exponentField - 1, 0) + minExponent - fractionBits);
}

/**
 * Stores `value` as element `index`, rounded once, to nearest, ties to even; a NaN becomes the canonical quiet NaN.
 *
 * Values that round past the largest finite one become Inf, or NaN in a dtype without Inf.
 * @returns whether the element stored is finite, so that `false` for a finite `value` is an overflow.
 * @throws {RangeError} if the element does not lie within `bytes`.
 */
export function encodeFloat(dtype: FloatDtype, value: number, bytes: DataView, index: number): boolean {
	if (dtype === "F64") {
		// setFloat64 may keep the sign and payload of a NaN.
		if (Number.isNaN(value)) bytes.setBigUint64(index * 8, CANONICAL_NAN_F64, true);
		else bytes.setFloat64(index * 8, value, true);
		return Number.isFinite(value);
	}
	const format = LAYOUTS[dtype];
	const magnitude = roundMagnitude(format, Math.abs(value));
	const signBit = value < 0 || Object.is(value, -0) ? signBitOf(format.byteLength) : 0;
	writeBits(bytes, format.byteLength, index, magnitude === format.nan ? magnitude : magnitude + signBit);
	return magnitude <= format.largest;
}

const CANONICAL_NAN_F64 = 0x7ff8000000000000n;

/**
 * Bit pattern of a value that is not negative. With `steps` the value in units of its last place, rounded, the pattern
 * is `(exponent − minExponent)·2^fractionBits + steps`: for normal numbers the hidden bit of `steps` makes up for the
 * exponent field counting from 1, subnormals have none, and a carry out of `steps` moves up the exponent by itself.
 */
function roundMagnitude(format: FloatLayout, value: number): number {
	if (Number.isNaN(value)) return format.nan;
	const { fractionBits, minExponent, largest, infinity = format.nan } = format;
	if (value === Number.POSITIVE_INFINITY) return infinity;
	const exponent = Math.max(exponentOf(value), minExponent);
	// The product is exact: it scales by a power of two, and only scales up what is smaller than the dtype's normal numbers.
	const steps = value * powerOfTwo(fractionBits - exponent) + INTEGER_ROUNDER - INTEGER_ROUNDER;
	const pattern = (exponent - minExponent) * (1 << fractionBits) + steps;
	return pattern <= largest ? pattern : infinity;
}

/** As a positive number, 2^31 too. */
function signBitOf(byteLength: 1 | 2 | 4): number {
	return (1 << (byteLength * 8 - 1)) >>> 0;
}

function readBits(bytes: DataView, byteLength: 1 | 2 | 4, index: number): number {
	if (byteLength === 4) return bytes.getUint32(index * 4, true);
	return byteLength === 2 ? bytes.getUint16(index * 2, true) : bytes.getUint8(index);
}

function writeBits(bytes: DataView, byteLength: 1 | 2 | 4, index: number, pattern: number): void {
	if (byteLength === 4) bytes.setUint32(index * 4, pattern, true);
	else if (byteLength === 2) bytes.setUint16(index * 2, pattern, true);
	else bytes.setUint8(index, pattern);
}

const scratch = new DataView(new ArrayBuffer(8));

/** floor(log2 value) of a normal positive number, and less than that of any normal one for zero and subnormals. */
function exponentOf(value: number): number {
	scratch.setFloat64(0, value);
	return (scratch.getUint32(0) >>> 20) - 1023;
}

/** 2^exponent, −1022 ≤ exponent ≤ 1023, from its bits: the language does not promise that `**` is exact. */
function powerOfTwo(exponent: number): number {
	scratch.setUint32(0, (exponent + 1023) << 20);
	scratch.setUint32(4, 0);
	return scratch.getFloat64(0);
}
