import { chunkByteLength } from "./jobs.ts";

/** Resident memory of Node itself with clip-soup loaded, measured at 60–66 MB on Node 20 and 24. */
const BASE = 68 * 2 ** 20;
/** A worker thread with its heap and stack, measured at 7–10 MB. */
const PER_THREAD = 10 * 2 ** 20;
/** Parsed header, tables and the output's header, in multiples of the headers' bytes. */
const PER_HEADER_BYTE = 4;

/**
 * An upper bound of the resident memory of a merge, in bytes: it does not grow with the size of the tensors.
 *
 * @param headerByteLength bytes of all inputs' headers
 */
export function peakMemory(threads: number, operandCount: number, headerByteLength: number): number {
	const buffers = (operandCount + 1) * chunkByteLength(threads, operandCount);
	return BASE + threads * (PER_THREAD + buffers) + PER_HEADER_BYTE * headerByteLength;
}
