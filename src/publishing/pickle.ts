import { type LocalFile, openLocalFile } from "../bytes/local-file.ts";

/** Of a zip archive; the name of its first file is within. */
const HEAD_BYTES = 1024;
/** Holds the end of a zip archive's list of names. */
const TAIL_BYTES = 2 ** 16;

/**
 * Whether a file begins as pickles of protocol 2 to 5 do, as joblib and older PyTorch write them, or is a zip archive with
 * a pickle in it, as PyTorch writes it. Pickles of protocol 0 and 1, which nothing writes any more, and compressed ones do
 * not show.
 *
 * A safetensors file may begin with the same bytes: it is told by its header, not here.
 */
export async function holdsPickle(path: string): Promise<boolean> {
	await using file = await openLocalFile(path);
	const head = await readPart(file, 0, HEAD_BYTES);
	const [first, second = 0] = head;
	if (first === 0x80 && second >= 2 && second <= 5) return true;
	if (!head.subarray(0, 4).equals(ZIP)) return false;
	const tail = await readPart(file, Math.max(0, file.byteLength - TAIL_BYTES), TAIL_BYTES);
	return head.includes(".pkl") || tail.includes(".pkl");
}

const ZIP = Buffer.from("PK\x03\x04", "latin1");

async function readPart(file: LocalFile, begin: number, most: number): Promise<Buffer> {
	const bytes = Buffer.alloc(Math.min(most, file.byteLength - begin));
	await file.read(begin, bytes);
	return bytes;
}
