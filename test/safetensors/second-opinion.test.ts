import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import npmSafetensors from "safetensors";
import { describe, expect, it } from "vitest";
import { parseHeader } from "../../src/safetensors/header.ts";

const WRITTEN = fileURLToPath(new URL("../../fixtures/headers/written/", import.meta.url));

/** npm `safetensors` takes `__metadata__` for a tensor and fails. */
const WITHOUT_METADATA = readdirSync(WRITTEN).filter(
	(file) => file.endsWith(".safetensors") && !readFileSync(WRITTEN + file).includes("__metadata__"),
);

describe("npm safetensors", () => {
	it.each(WITHOUT_METADATA)("reads %s as parseHeader does", (file) => {
		// Its own memory from 0 on: the package ignores where a view begins.
		const bytes = Uint8Array.from(readFileSync(WRITTEN + file));
		const dataStart = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
		const json = Buffer.from(bytes.subarray(8, dataStart));
		const { tensors } = parseHeader(json, { name: file, fileByteLength: bytes.length });
		const ours = tensors.map(({ name, dtype, shape, begin, end }): [string, unknown] => [
			name,
			{ dtype, shape, data_offsets: [dataStart + begin, dataStart + end] },
		]);
		expect(new npmSafetensors.SafeTensor(bytes).metadata).toEqual(new Map(ours));
	});

	it("is asked about several files", () => {
		expect(WITHOUT_METADATA.length).toBeGreaterThan(5);
	});
});
