/**
 * A field of a protobuf message as bytes: its number, its wire type, its value. A message is its fields one after
 * another, in any order; a repeated field stands there once for each of its values.
 *
 * A writer for the three wire types that ONNX models need.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export type Field = Uint8Array;

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** A field of type int32, int64 or enum; `value` is an integer that a float64 holds exactly. */
export function integerField(number: number, value: number): Field {
	return Buffer.concat([key(number, VARINT), varint(BigInt.asUintN(64, BigInt(value)))]);
}

/** A field of type float. */
export function floatField(number: number, value: number): Field {
	const bytes = Buffer.alloc(4);
	bytes.writeFloatLE(value);
	return Buffer.concat([key(number, FIXED32), bytes]);
}

/** A field of type bytes. */
export function bytesField(number: number, bytes: Uint8Array): Field {
	return Buffer.concat([key(number, LENGTH_DELIMITED), varint(BigInt(bytes.byteLength)), bytes]);
}

/** A field of type string. */
export function textField(number: number, text: string): Field {
	return bytesField(number, Buffer.from(text, "utf8"));
}

/** A field that holds a message of its own. */
export function messageField(number: number, fields: readonly Field[]): Field {
	return bytesField(number, Buffer.concat(fields));
}

function key(number: number, wireType: number): Uint8Array {
	return varint((BigInt(number) << 3n) | BigInt(wireType));
}

/** Seven bits a byte, lowest first; the high bit says that more follow. */
function varint(value: bigint): Uint8Array {
	const bytes: number[] = [];
	let rest = value;
	for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
	bytes.push(Number(rest));
	return Uint8Array.from(bytes);
}
