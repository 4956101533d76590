import { expect, it } from "vitest";
import { bytesField, floatField, integerField, messageField, textField } from "../../src/onnx/protobuf.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

// Examples of the encoding guide, and what protoc makes of the others. Source: protobuf.dev/programming-guides/encoding.
it.each([
	["150 as field 1", integerField(1, 150), "089601"],
	["−1, which takes ten bytes", integerField(3, -1), "18ffffffffffffffffff01"],
	["an integer of more than 32 bits", integerField(1, 2 ** 40), "08808080808020"],
	["a field number of more than four bits", integerField(20, 7), "a00107"],
	["the string testing as field 2", textField(2, "testing"), "120774657374696e67"],
	["a message within a message", messageField(3, [integerField(1, 150)]), "1a03089601"],
	["a float, little-endian", floatField(2, 1), "150000803f"],
	["bytes longer than 127", bytesField(1, new Uint8Array(128)), `0a8001${"00".repeat(128)}`],
])("writes %s", (_, field, expected) => {
	expect(hex(field)).toBe(expected);
});
