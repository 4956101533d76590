import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FLOAT_DTYPES, type FloatDtype, floatByteLength } from "../../src/tensor/dtype.ts";
import { decodeFloat, encodeFloat } from "../../src/tensor/float-bits.ts";

type NarrowDtype = Exclude<FloatDtype, "F64">;

/** Written down from the standards, not taken from the code under test. */
const FORMATS: Readonly<Record<NarrowDtype, { largest: number; largestBits: number; nan: number; infinity: number }>> =
	{
		F32: { largest: (2 - 2 ** -23) * 2 ** 127, largestBits: 0x7f7fffff, nan: 0x7fc00000, infinity: 0x7f800000 },
		F16: { largest: 65504, largestBits: 0x7bff, nan: 0x7e00, infinity: 0x7c00 },
		BF16: { largest: (2 - 2 ** -7) * 2 ** 127, largestBits: 0x7f7f, nan: 0x7fc0, infinity: 0x7f80 },
		F8_E4M3: { largest: 448, largestBits: 0x7e, nan: 0x7f, infinity: 0x7f },
		F8_E5M2: { largest: 57344, largestBits: 0x7b, nan: 0x7e, infinity: 0x7c },
	};
const NARROW_DTYPES = FLOAT_DTYPES.filter((dtype) => dtype !== "F64");
const SMALL_DTYPES = NARROW_DTYPES.filter((dtype) => dtype !== "F32");

const scratch = new DataView(new ArrayBuffer(8));

function bitsOf(dtype: FloatDtype, value: number): number {
	encodeFloat(dtype, value, scratch, 0);
	return readBits(dtype);
}

function readBits(dtype: FloatDtype): number {
	const byteLength = floatByteLength(dtype);
	if (byteLength === 4) return scratch.getUint32(0, true);
	return byteLength === 2 ? scratch.getUint16(0, true) : scratch.getUint8(0);
}

function decoded(dtype: FloatDtype, bits: number): number {
	scratch.setUint32(0, bits, true);
	return decodeFloat(dtype, scratch, 0);
}

/** A finite float64 as an integer count of 2^-1074: exact. */
function exactInteger(value: number): bigint {
	scratch.setFloat64(0, value);
	const bits = scratch.getBigUint64(0);
	const field = (bits >> 52n) & 0x7ffn;
	const fraction = bits & 0xfffffffffffffn;
	const magnitude = field === 0n ? fraction : (fraction | 0x10000000000000n) << (field - 1n);
	return bits >> 63n === 1n ? -magnitude : magnitude;
}

/**
 * The bits nearest to a value ≥ 0, by bisection over the dtype's values and exact distances; a tie goes to even bits.
 *
 * Above the largest value the next one is where it would be with an unbounded exponent: 2^k in the IEEE dtypes, 480 in
 * E4M3.
 */
function nearestBits(dtype: NarrowDtype, value: number): number {
	const { largestBits, infinity } = FORMATS[dtype];
	let below = 0;
	let above = largestBits + 1;
	const at = (bits: number) => {
		if (bits <= largestBits) return exactInteger(decoded(dtype, bits));
		return 2n * exactInteger(decoded(dtype, largestBits)) - exactInteger(decoded(dtype, largestBits - 1));
	};
	const wanted = exactInteger(value);
	if (wanted >= at(above)) return infinity;
	while (above - below > 1) {
		const middle = Math.floor((above + below) / 2);
		if (at(middle) <= wanted) below = middle;
		else above = middle;
	}
	const excess = 2n * wanted - at(below) - at(above);
	const nearest = excess < 0n || (excess === 0n && below % 2 === 0) ? below : above;
	return nearest > largestBits ? infinity : nearest;
}

describe.each(SMALL_DTYPES)("%s, every bit pattern", (dtype) => {
	const width = 8 * floatByteLength(dtype);
	const { largestBits, nan, infinity } = FORMATS[dtype];
	const signBit = 2 ** (width - 1);
	const patterns = Array.from({ length: 2 ** width }, (_, bits) => bits);

	test("decodes in the order of its magnitudes, with the sign of its top bit", () => {
		for (let bits = 1; bits <= largestBits; bits++) {
			if (!(decoded(dtype, bits) > decoded(dtype, bits - 1))) expect.fail(`${bits}`);
			if (decoded(dtype, bits + signBit) !== -decoded(dtype, bits)) expect.fail(`${bits + signBit}`);
		}
		expect(decoded(dtype, 0)).toBe(0);
		expect(decoded(dtype, signBit)).toBe(-0);
		expect(decoded(dtype, largestBits)).toBe(FORMATS[dtype].largest);
	});

	test("is encoded again as it was, and NaN as the canonical one", () => {
		for (const bits of patterns) {
			const magnitude = bits % signBit;
			const isNan = magnitude > largestBits && (magnitude !== infinity || dtype === "F8_E4M3");
			if (Number.isNaN(decoded(dtype, bits)) !== isNan) expect.fail(`${bits}`);
			if (bitsOf(dtype, decoded(dtype, bits)) !== (isNan ? nan : bits)) expect.fail(`${bits}`);
		}
	});

	test("gives way to the even neighbour at a tie, and to the nearer one beside it", () => {
		for (let bits = 0; bits < largestBits; bits++) {
			// Halfway between neighbours: exact in float64.
			const tie = (decoded(dtype, bits) + decoded(dtype, bits + 1)) / 2;
			const even = bits + (bits % 2);
			if (bitsOf(dtype, tie) !== even) expect.fail(`tie above ${bits}`);
			if (bitsOf(dtype, -tie) !== even + signBit) expect.fail(`negative tie above ${bits}`);
			if (bitsOf(dtype, tie * (1 - Number.EPSILON)) !== bits) expect.fail(`below the tie above ${bits}`);
			if (bitsOf(dtype, tie * (1 + Number.EPSILON)) !== bits + 1) expect.fail(`past the tie above ${bits}`);
		}
	});
});

test("decodes known values of each dtype", () => {
	expect(decoded("F16", 0x0001)).toBe(2 ** -24);
	expect(decoded("F16", 0x3555)).toBe(0.333251953125);
	expect(decoded("BF16", 0x0001)).toBe(2 ** -133);
	expect(decoded("BF16", 0x4049)).toBe(3.140625);
	expect(decoded("F8_E4M3", 0x01)).toBe(2 ** -9);
	expect(decoded("F8_E4M3", 0x08)).toBe(2 ** -6);
	expect(decoded("F8_E5M2", 0x01)).toBe(2 ** -16);
	expect(decoded("F32", 0x00000001)).toBe(2 ** -149);
	expect(decoded("F32", 0xff800000)).toBe(Number.NEGATIVE_INFINITY);
});

describe.each(NARROW_DTYPES)("%s, encoding", (dtype) => {
	const { largest, nan, infinity } = FORMATS[dtype];
	const signBit = 2 ** (8 * floatByteLength(dtype) - 1);

	test("picks the nearest value, ties to even, as exact distances tell", () => {
		const anyFinite = fc.double({ noNaN: true, noDefaultInfinity: true });
		const inRange = fc.double({ min: -2 * largest, max: 2 * largest, noNaN: true });
		const nearSubnormals = fc
			.tuple(
				fc.double({ min: -8, max: 8, noNaN: true }),
				fc.constantFrom(2 ** -149, 2 ** -133, 2 ** -24, 2 ** -16, 2 ** -9),
			)
			.map(([factor, unit]) => factor * unit);
		fc.assert(
			fc.property(fc.oneof(anyFinite, inRange, nearSubnormals), (value) => {
				const magnitude = nearestBits(dtype, Math.abs(value));
				const isNegative = value < 0 || Object.is(value, -0);
				const isCanonicalNaN = dtype === "F8_E4M3" && magnitude === nan;
				expect(bitsOf(dtype, value)).toBe(isNegative && !isCanonicalNaN ? magnitude + signBit : magnitude);
				expect(encodeFloat(dtype, value, scratch, 0)).toBe(magnitude !== infinity);
			}),
			{ numRuns: 3000 },
		);
	});

	test("tells a value that rounds past the largest from one that does not", () => {
		const step = largest - decoded(dtype, FORMATS[dtype].largestBits - 1);
		const tie = largest + step / 2;
		const tieBelongsToLargest = FORMATS[dtype].largestBits % 2 === 0;
		expect(encodeFloat(dtype, tie, scratch, 0)).toBe(tieBelongsToLargest);
		expect(encodeFloat(dtype, tie * (1 - Number.EPSILON), scratch, 0)).toBe(true);
		expect(encodeFloat(dtype, -tie * (1 + Number.EPSILON), scratch, 0)).toBe(false);
		expect(bitsOf(dtype, tie * 1.01)).toBe(infinity);
	});

	test("writes the canonical NaN for any NaN, and Inf, or NaN without Inf, for Inf", () => {
		expect(bitsOf(dtype, Number.NaN)).toBe(nan);
		scratch.setBigUint64(0, 0xfff0000000000001n);
		expect(bitsOf(dtype, scratch.getFloat64(0))).toBe(nan);
		expect(bitsOf(dtype, Number.POSITIVE_INFINITY)).toBe(infinity);
		expect(bitsOf(dtype, Number.NEGATIVE_INFINITY)).toBe(dtype === "F8_E4M3" ? nan : infinity + signBit);
		expect(encodeFloat(dtype, Number.NEGATIVE_INFINITY, scratch, 0)).toBe(false);
	});
});

test("F32 encodes as the engine's own Float32Array does", () => {
	const own = new Float32Array(1);
	fc.assert(
		fc.property(fc.double({ noNaN: true }), (value) => {
			own[0] = value;
			encodeFloat("F32", value, scratch, 0);
			expect(scratch.getFloat32(0, true)).toBe(own[0]);
		}),
		{ numRuns: 5000 },
	);
});

test("F64 is stored as it is, with one NaN", () => {
	fc.assert(
		fc.property(fc.double(), (value) => {
			expect(encodeFloat("F64", value, scratch, 0)).toBe(Number.isFinite(value));
			expect(decodeFloat("F64", scratch, 0)).toBe(value);
		}),
	);
	encodeFloat("F64", Number.NaN, scratch, 0);
	expect(scratch.getBigUint64(0, true)).toBe(0x7ff8000000000000n);
});

test("elements are dense, and those outside the bytes are refused", () => {
	const bytes = new DataView(new ArrayBuffer(12), 2, 6);
	encodeFloat("F16", 1.5, bytes, 2);
	expect(bytes.getUint16(4, true)).toBe(0x3e00);
	expect(decodeFloat("F16", bytes, 2)).toBe(1.5);
	expect(() => decodeFloat("F16", bytes, 3)).toThrow(RangeError);
	expect(() => encodeFloat("F32", 1, bytes, 1)).toThrow(RangeError);
});
