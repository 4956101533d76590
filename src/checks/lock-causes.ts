import { createHash } from "node:crypto";
import { DTYPES, isFloatDtype } from "../tensor/dtype.ts";
import { decodeFloat } from "../tensor/float-bits.ts";
import type { LockedTensor } from "./lock-comparison.ts";

/** A tensor whose bytes are not those of the lock. */
export interface Damaged {
	readonly locked: Pick<LockedTensor, "name" | "dtype" | "shape" | "stats">;
	/** The lock's digest, 64 hex digits. */
	readonly sha256: string;
	/** As they are stored: of a matrix that is stored the other way round, `isTransposed`, in that order. */
	readonly bytes: Buffer;
	readonly isTransposed: boolean;
}

/** What probably happened, and to which elements. */
export interface Cause {
	readonly cause: string;
	/** In the order in which they are stored. */
	readonly elements?: readonly [first: number, last: number];
}

/**
 * What happened to a tensor's bytes: zeros where the lock counted none, or a rearrangement that is undone as soon as the
 * digest is the lock's.
 */
export function findCause(damaged: Damaged): Cause | undefined {
	const { locked, isTransposed } = damaged;
	const shape = locked.shape.map(Number);
	const width = DTYPES[locked.dtype].bits / 8;
	const zeros = zeroTail(damaged, width);
	if (zeros !== undefined || !Number.isInteger(width)) return zeros;
	if (isExponentiated(damaged)) return { cause: "exponentiated: it holds a logarithm", elements: [0, 0] };
	// Everything below speaks of rows and columns as the lock does; of a matrix, the other way round comes for nothing.
	const [rows = 1, columns = 1] = shape;
	const other = shape.length === 2 ? transpose(damaged.bytes, rows, columns, width) : undefined;
	const [bytes = damaged.bytes, turned] = isTransposed ? [other, damaged.bytes] : [damaged.bytes, other];
	const isLocked = (pieces: Iterable<Buffer>) => digestOf(pieces) === damaged.sha256;
	const causes = [
		() => (turned && isLocked([turned]) ? "transposed" : undefined),
		() => permutedParts(locked, bytes, isLocked),
		() => (shape.length > 0 && isLocked(reversedRows(bytes, rows)) ? "rows in reverse order" : undefined),
		() => (shape.length > 1 ? movedRows(bytes, rows, isLocked) : undefined),
		() => (width > 1 && isLocked([byteSwapped(bytes, width)]) ? "bytes of every element in reverse order" : undefined),
	];
	for (const find of causes) {
		const cause = find();
		if (cause !== undefined) return { cause };
	}
	return undefined;
}

function digestOf(pieces: Iterable<Buffer>): string {
	const hash = createHash("sha256");
	for (const piece of pieces) hash.update(piece);
	return hash.digest("hex");
}

/** A run of zeros up to the end that is longer than all the zeros which the lock counted. */
function zeroTail({ locked, bytes }: Damaged, width: number): Cause | undefined {
	const total = bytes.length / width;
	const tail = total - Math.ceil((bytes.findLastIndex((byte) => byte !== 0) + 1) / width);
	if (tail < 2 || tail <= (locked.stats?.zeros ?? 0)) return undefined;
	const cause =
		tail === total
			? "every element is 0: dropped, or never written"
			: "zeros up to the end: a download that was cut off";
	return { cause, elements: [total - tail, total - 1] };
}

/** The matrix `[rows, columns]` of which `bytes` hold the transposed one. */
function transpose(bytes: Buffer, rows: number, columns: number, width: number): Buffer {
	const result = Buffer.allocUnsafe(bytes.length);
	let to = 0;
	for (let row = 0; row < rows; row++) {
		for (let column = 0; column < columns; column++) {
			const from = (column * rows + row) * width;
			for (let byte = 0; byte < width; byte++) result[to++] = bytes[from + byte] ?? 0;
		}
	}
	return result;
}

/** Orders in which thirds can be found that are not the right one. */
const ORDERS = ["qkv", "qvk", "kqv", "kvq", "vqk", "vkq"].slice(1);

/** q, k and v in another order, found by putting them back. */
function permutedParts(
	{ name, shape: [rows = 0] }: Pick<LockedTensor, "name" | "shape">,
	bytes: Buffer,
	isLocked: (pieces: Iterable<Buffer>) => boolean,
): string | undefined {
	if (!/\.in_proj_(weight|bias)$/.test(name) || rows % 3 !== 0) return undefined;
	const length = bytes.length / 3;
	const third = (index: number) => bytes.subarray(index * length, (index + 1) * length);
	const order = ORDERS.find((found) => isLocked(["q", "k", "v"].map((part) => third(found.indexOf(part)))));
	return order && `rows in the order ${[...order].join(", ")} and not q, k, v`;
}

function* reversedRows(bytes: Buffer, rows: number): Iterable<Buffer> {
	const length = bytes.length / rows;
	for (let row = rows - 1; row >= 0; row--) yield bytes.subarray(row * length, (row + 1) * length);
}

/** Rows that are all one place off, the outermost at the other end. */
function movedRows(bytes: Buffer, rows: number, isLocked: (pieces: Iterable<Buffer>) => boolean): string | undefined {
	const length = bytes.length / rows;
	if (isLocked([bytes.subarray(-length), bytes.subarray(0, -length)])) return "every row is one place too early";
	return isLocked([bytes.subarray(length), bytes.subarray(0, length)]) ? "every row is one place too late" : undefined;
}

/** Relative error of a logarithm of a number of 8 binary digits. */
const LOGARITHM_ERROR = 1e-2;

/** A temperature whose logarithm is what the lock has. */
function isExponentiated({ locked: { name, dtype, stats }, bytes }: Damaged): boolean {
	if (name !== "logit_scale" || stats === undefined || !isFloatDtype(dtype)) return false;
	const found = decodeFloat(dtype, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
	return Math.abs(Math.log(found) / stats.min - 1) < LOGARITHM_ERROR;
}

function byteSwapped(bytes: Buffer, width: number): Buffer {
	const swapped = Buffer.from(bytes);
	if (width === 2) return swapped.swap16();
	return width === 4 ? swapped.swap32() : swapped.swap64();
}
