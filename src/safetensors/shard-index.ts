import { isUtf8 } from "node:buffer";
import { ClipSoupError, type ErrorCode } from "../errors.ts";
import { JsonReader } from "./json-reader.ts";
import { quote } from "./quote.ts";
import { unsafePathReason } from "./shard-path.ts";

/** Bounds on a hostile index, from huggingface.js, hub/src/lib/parse-safetensors-metadata.ts. */
export const MAX_INDEX_BYTE_LENGTH = 250_000_000;
const MAX_SHARD_COUNT = 10_000;

/** Which shard holds which tensor, as a `*.safetensors.index.json` says. */
export interface ShardIndex {
	/** What messages call it. */
	readonly name: string;
	/** Bytes of all tensors without headers, if given. */
	readonly totalSize: number | undefined;
	/** Tensor name → shard. */
	readonly weightMap: ReadonlyMap<string, string>;
	/** Shards in the order in which `weightMap` first names them: paths inside the folder of the index. */
	readonly shards: readonly string[];
	/** The entries of `metadata` that are strings. */
	readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Parses an index; `name` is what messages call it.
 *
 * @throws {ClipSoupError} ERR_INDEX_UNSAFE_PATH if a shard could lie outside the folder, ERR_INDEX_INVALID otherwise.
 */
export function parseShardIndex(bytes: Buffer, name: string): ShardIndex {
	if (bytes.length > MAX_INDEX_BYTE_LENGTH) {
		throw invalid(name, `${bytes.length} bytes`, `at most ${MAX_INDEX_BYTE_LENGTH}`);
	}
	if (!isUtf8(bytes)) throw invalid(name, "bytes that are not UTF-8", "JSON in UTF-8");
	const parser = new IndexParser(bytes, name);
	return parser.parse();
}

class IndexParser {
	readonly #json: JsonReader;
	readonly #name: string;
	readonly #metadata = new Map<string, string>();
	readonly #weightMap = new Map<string, string>();
	/** One string per shard, which all its tensors share. */
	readonly #shards = new Map<string, string>();
	#totalSize: number | undefined;

	constructor(bytes: Buffer, name: string) {
		this.#json = new JsonReader(bytes, (found, expected) => invalid(name, found, expected));
		this.#name = name;
	}

	parse(): ShardIndex {
		const fields = new Set<string>();
		this.#json.object((field) => {
			if (fields.has(field)) throw this.#duplicate(field);
			fields.add(field);
			if (field === "metadata") this.#readMetadata();
			else if (field === "weight_map") this.#json.object((tensor) => this.#readMapping(tensor));
			else this.#json.skip();
		});
		this.#json.end();
		if (!fields.has("weight_map")) throw invalid(this.#name, "no weight_map", "one that maps tensors to shards");
		return {
			name: this.#name,
			totalSize: this.#totalSize,
			weightMap: this.#weightMap,
			shards: [...this.#shards.keys()],
			metadata: this.#metadata,
		};
	}

	#readMetadata(): void {
		this.#json.object((key) => {
			if (this.#metadata.has(key)) throw this.#duplicate(key);
			if (key === "total_size") this.#readTotalSize();
			else if (this.#json.peek() === "string") this.#metadata.set(key, this.#json.string());
			else this.#json.skip();
		});
	}

	/** Some writers give a whole number with a fraction: `28966928384.0`. */
	#readTotalSize(): void {
		if (this.#totalSize !== undefined) throw this.#duplicate("total_size");
		const text = this.#json.number();
		const size = Number(text);
		if (!Number.isSafeInteger(size) || size < 0) throw invalid(this.#name, `total_size ${quote(text)}`, "a byte count");
		this.#totalSize = size;
	}

	#readMapping(tensor: string): void {
		if (this.#weightMap.has(tensor)) throw this.#duplicate(tensor);
		const path = this.#json.string();
		this.#weightMap.set(tensor, this.#shards.get(path) ?? this.#admit(path));
	}

	#admit(path: string): string {
		const reason = unsafePathReason(path);
		if (reason !== undefined) {
			const found = `${reason} in shard ${quote(path)}`;
			throw indexError("ERR_INDEX_UNSAFE_PATH", this.#name, found, "a .safetensors file in the folder of the index");
		}
		if (this.#shards.size === MAX_SHARD_COUNT) {
			throw invalid(this.#name, `more than ${MAX_SHARD_COUNT} shards`, "fewer");
		}
		this.#shards.set(path, path);
		return path;
	}

	#duplicate(field: string): ClipSoupError {
		return invalid(this.#name, `${quote(field)} twice`, "every name once");
	}
}

function invalid(name: string, found: string, expected: string): ClipSoupError {
	return indexError("ERR_INDEX_INVALID", name, found, expected);
}

function indexError(code: ErrorCode, name: string, found: string, expected: string): ClipSoupError {
	return new ClipSoupError(code, `Cannot read ${quote(name)}: found ${found}, expected ${expected}`, {
		fix: "download the index again, or save the model again",
		details: { file: name, found, expected },
	});
}
