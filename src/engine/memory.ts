import { chunkByteLength } from "./jobs.ts";

/** Resident memory of Node with clip-soup loaded: with two threads less their 28 MB, measured at up to 100 MB on Node 24.21. */
const BASE = 102e6;
/** A worker thread with its heap and stack: measured at 8–12 MB on Node 20.20, 12–14 MB on Node 24.21. */
const PER_THREAD = 14e6;
/** Parsed headers, tables and the header of the output: measured at 11 times the bytes of headers with 200,000 tensors. */
const PER_HEADER_BYTE = 12;

/** What streaming from the network adds, connections and their buffers. */
const NETWORK = 40e6;

/**
 * An upper bound of the resident memory of a merge, in bytes: it does not grow with the size of the tensors.
 *
 * @param headerByteLength bytes of all inputs' headers
 * @param isRemote whether an input is on no disk of this machine
 */
export function peakMemory(threads: number, operandCount: number, headerByteLength: number, isRemote = false): number {
	const buffers = (operandCount + 1) * chunkByteLength(threads, operandCount);
	return BASE + (isRemote ? NETWORK : 0) + threads * (PER_THREAD + buffers) + PER_HEADER_BYTE * headerByteLength;
}
