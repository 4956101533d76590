/**
 * The 22 dtypes of safetensors in the crate's order, ascending by alignment.
 *
 * `bits` per logical element. `isFloat` marks the ones clip-soup computes with; all others are only copied.
 * Source: `enum Dtype` in safetensors 0.8, safetensors/src/tensor.rs.
 */
export const DTYPES = {
	BOOL: { bits: 8, isFloat: false },
	F4: { bits: 4, isFloat: false },
	F6_E2M3: { bits: 6, isFloat: false },
	F6_E3M2: { bits: 6, isFloat: false },
	U8: { bits: 8, isFloat: false },
	I8: { bits: 8, isFloat: false },
	F8_E5M2: { bits: 8, isFloat: true },
	F8_E4M3: { bits: 8, isFloat: true },
	F8_E8M0: { bits: 8, isFloat: false },
	F8_E4M3FNUZ: { bits: 8, isFloat: false },
	F8_E5M2FNUZ: { bits: 8, isFloat: false },
	I16: { bits: 16, isFloat: false },
	U16: { bits: 16, isFloat: false },
	F16: { bits: 16, isFloat: true },
	BF16: { bits: 16, isFloat: true },
	I32: { bits: 32, isFloat: false },
	U32: { bits: 32, isFloat: false },
	F32: { bits: 32, isFloat: true },
	C64: { bits: 64, isFloat: false },
	F64: { bits: 64, isFloat: true },
	I64: { bits: 64, isFloat: false },
	U64: { bits: 64, isFloat: false },
} as const satisfies Record<string, { bits: number; isFloat: boolean }>;

export type Dtype = keyof typeof DTYPES;

/** The dtypes with arithmetic, widest first. */
export const FLOAT_DTYPES = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"] as const satisfies readonly Dtype[];

export type FloatDtype = (typeof FLOAT_DTYPES)[number];

const RANKS: ReadonlyMap<string, number> = new Map(Object.keys(DTYPES).map((name, rank) => [name, rank]));

/** Position in the crate's order: the writer sorts tensors by it, descending, so that each stays aligned to its size. */
export function dtypeRank(dtype: Dtype): number {
	return RANKS.get(dtype) ?? 0;
}

export function isDtype(name: string): name is Dtype {
	return RANKS.has(name);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
	return DTYPES[dtype].isFloat;
}

/** Bytes of one element of a dtype with arithmetic. */
export function floatByteLength(dtype: FloatDtype): number {
	return DTYPES[dtype].bits / 8;
}
