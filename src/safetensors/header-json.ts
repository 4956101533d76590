import { DTYPES, type Dtype, isDtype } from "../tensor/dtype.ts";
import type { Dimension, Shape } from "../tensor/shape.ts";
import type { StoredTensor } from "../tensor/tensor.ts";
import { headerError } from "./header-error.ts";
import { JsonReader } from "./json-reader.ts";
import { quote } from "./quote.ts";
import { ShapePool } from "./shape-pool.ts";

/** Name of the header's entry that is no tensor but a map of strings. */
export const METADATA_NAME = "__metadata__";

/** Far above any real file; a header full of tiny entries would take eleven times its own memory. */
const MAX_METADATA_ENTRIES = 1_000_000;

/** PyTorch and NumPy stop at 64; bounds the memory that a header of nothing but dimensions takes. */
const MAX_RANK = 1024;

/** One string per dtype that all tensors share. */
const DTYPE_NAMES: ReadonlyMap<string, Dtype> = new Map(
	Object.keys(DTYPES)
		.filter(isDtype)
		.map((dtype) => [dtype, dtype]),
);

/** What the JSON of a header says, in its order; whether the tensors fit together and the file is not checked here. */
export interface HeaderJson {
	readonly metadata: ReadonlyMap<string, string>;
	readonly tensors: StoredTensor[];
}

/**
 * Reads the JSON text of a header; `file` is what messages call it.
 *
 * A tensor is an object with `dtype`, `shape` and `data_offsets`; other fields are read past. No name may repeat, although
 * the reference lets the last one win. `__metadata__` may be null, as in the reference.
 * @throws {ClipSoupError} ERR_HEADER_JSON, ERR_HEADER_DUPLICATE, ERR_HEADER_METADATA, ERR_TENSOR_ENTRY, ERR_TENSOR_DTYPE or
 * ERR_TENSOR_OFFSETS.
 */
export function readHeaderJson(bytes: Buffer, file: string): HeaderJson {
	const json = new JsonReader(bytes, (found, expected) =>
		headerError("ERR_HEADER_JSON", { file, found: `${found} of the header's ${bytes.length}`, expected }),
	);
	const names = new Set<string>();
	const metadata = new Map<string, string>();
	const tensors: StoredTensor[] = [];
	const entries = new EntryReader(json, file);
	json.object((name) => {
		if (names.has(name)) throw duplicate(file, name);
		names.add(name);
		if (name === METADATA_NAME) readMetadata(json, file, metadata);
		else tensors.push(entries.read(name));
	});
	json.end();
	return { metadata, tensors };
}

function readMetadata(json: JsonReader, file: string, metadata: Map<string, string>): void {
	const kind = json.peek();
	if (kind === "null") {
		json.word();
		return;
	}
	if (kind !== "object") throw metadataError(file, METADATA_NAME, kind, "object");
	json.object((key) => {
		const valueKind = json.peek();
		if (valueKind !== "string") throw metadataError(file, `${METADATA_NAME}.${key}`, valueKind, "string");
		if (metadata.has(key)) throw duplicate(file, `${METADATA_NAME}.${key}`);
		if (metadata.size === MAX_METADATA_ENTRIES) {
			throw metadataError(file, METADATA_NAME, `more than ${MAX_METADATA_ENTRIES} entries`, "fewer");
		}
		metadata.set(key, json.string());
	});
}

/** Reads tensor entries one after the other into the same three fields. */
class EntryReader {
	readonly #json: JsonReader;
	readonly #file: string;
	readonly #shapes = new ShapePool();
	#name = "";
	#dtype: Dtype | undefined;
	#shape: Shape | undefined;
	#offsets: readonly Dimension[] | undefined;

	constructor(json: JsonReader, file: string) {
		this.#json = json;
		this.#file = file;
	}

	read(name: string): StoredTensor {
		const kind = this.#json.peek();
		this.#start(name);
		if (kind !== "object") throw this.#error(kind, "object");
		this.#json.object(this.#readField);
		const dtype = this.#required("dtype", this.#dtype);
		const shape = this.#required("shape", this.#shape);
		const [begin, end] = this.#required("data_offsets", this.#offsets);
		return { name, dtype, shape, begin: this.#offset(begin), end: this.#offset(end) };
	}

	#start(name: string): void {
		this.#name = name;
		this.#dtype = undefined;
		this.#shape = undefined;
		this.#offsets = undefined;
	}

	readonly #readField = (field: string): void => {
		switch (field) {
			case "dtype":
				this.#assertNew(field, this.#dtype);
				this.#dtype = this.#readDtype();
				break;
			case "shape":
				this.#assertNew(field, this.#shape);
				this.#shape = this.#shapes.share(this.#readIntegers(field, MAX_RANK));
				break;
			case "data_offsets":
				this.#assertNew(field, this.#offsets);
				this.#offsets = this.#readIntegers(field, 2);
				if (this.#offsets.length < 2) throw this.#error(`${this.#offsets.length} data_offsets`, "2: begin and end");
				break;
			default:
				this.#json.skip();
		}
	};

	#readDtype(): Dtype {
		const kind = this.#json.peek();
		if (kind !== "string") throw this.#error(`${kind} as dtype`, "string");
		const text = this.#json.string();
		const dtype = DTYPE_NAMES.get(text);
		if (dtype !== undefined) return dtype;
		throw headerError("ERR_TENSOR_DTYPE", {
			file: this.#file,
			tensor: this.#name,
			found: `dtype ${quote(text)}`,
			expected: `one of ${[...DTYPE_NAMES.keys()].join(", ")}`,
		});
	}

	#readIntegers(field: string, maxCount: number): Dimension[] {
		const kind = this.#json.peek();
		if (kind !== "array") throw this.#error(`${kind} as ${field}`, "array");
		const integers: Dimension[] = [];
		this.#json.array(() => {
			const elementKind = this.#json.peek();
			if (elementKind !== "number") throw this.#error(`${elementKind} in ${field}`, "non-negative integer");
			const value = this.#json.unsigned();
			if (typeof value === "string") throw this.#error(`${quote(value)} in ${field}`, "non-negative 64-bit integer");
			if (integers.length === maxCount) throw this.#error(`more than ${maxCount} numbers in ${field}`, "fewer");
			integers.push(value);
		});
		return integers;
	}

	#required<T>(field: string, value: T | undefined): T {
		if (value === undefined) throw this.#error(`no ${field}`, "dtype, shape and data_offsets");
		return value;
	}

	/** Offsets stay below 2^53, where a number is exact and no file reaches. */
	#offset(offset: Dimension | undefined): number {
		if (typeof offset === "number") return offset;
		throw headerError("ERR_TENSOR_OFFSETS", {
			file: this.#file,
			tensor: this.#name,
			found: `data offset ${offset}`,
			expected: "an offset inside the file",
		});
	}

	#assertNew(field: string, value: unknown): void {
		if (value !== undefined) throw duplicate(this.#file, field, this.#name);
	}

	#error(found: string, expected: string) {
		return headerError("ERR_TENSOR_ENTRY", { file: this.#file, tensor: this.#name, found, expected });
	}
}

function duplicate(file: string, name: string, tensor?: string) {
	return headerError("ERR_HEADER_DUPLICATE", {
		file,
		...(tensor !== undefined && { tensor }),
		found: `${quote(name)} twice`,
		expected: "every name once",
	});
}

function metadataError(file: string, subject: string, found: string, expected: string) {
	return headerError("ERR_HEADER_METADATA", { file, found: `${found} as ${quote(subject)}`, expected });
}
