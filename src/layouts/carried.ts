import * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import { DTYPES, type Dtype, isDtype } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";

/** Prefix of the metadata entries that hold tensors which a layout has no place for. */
const CARRIED_PREFIX = "clip_soup.carried.";

/** Prefix of those that hold facts which a layout has no field for, by their path. */
const FACT_PREFIX = "clip_soup.fact.";

/** A fact that is carried where it is true. */
export type CarriedFact = "vision.headBias";

const CARRIED_FACTS: readonly CarriedFact[] = ["vision.headBias"];

/** What a folder carries in its metadata. */
export interface Carried {
	readonly tensors: readonly CarriedTensor[];
	readonly facts: readonly CarriedFact[];
}

/** A tensor that is small enough to travel in the metadata, under its canonical name. */
export interface CarriedTensor extends TensorInfo {
	/** Little-endian, row-major. */
	readonly bytes: Uint8Array;
}

const carriedSchema = z.strictObject({
	dtype: z.custom<Dtype>((value) => typeof value === "string" && isDtype(value)),
	shape: z.array(z.int().nonnegative()),
	base64: z.base64(),
});

/** The metadata entries, each with key and value, of what is carried. */
export function carriedEntries({ tensors, facts }: Carried): readonly (readonly [key: string, value: string])[] {
	return [...tensors.map(carriedEntry), ...facts.map((fact) => [`${FACT_PREFIX}${fact}`, "true"] as const)];
}

/** Whether a metadata entry is one of `carriedEntries`. */
export function isCarriedKey(key: string): boolean {
	return key.startsWith(CARRIED_PREFIX) || key.startsWith(FACT_PREFIX);
}

/** The facts that a header's metadata carries. */
export function carriedFacts(metadata: ReadonlyMap<string, string>): readonly CarriedFact[] {
	return CARRIED_FACTS.filter((fact) => metadata.get(`${FACT_PREFIX}${fact}`) === "true");
}

/** The metadata entry, key and value, of a tensor that is carried. */
export function carriedEntry({ name, dtype, shape, bytes }: CarriedTensor): readonly [key: string, value: string] {
	const base64 = Buffer.from(bytes).toString("base64");
	return [`${CARRIED_PREFIX}${name}`, JSON.stringify({ dtype, shape: shape.map(Number), base64 })];
}

/**
 * The tensors that a header's metadata carries.
 *
 * @throws {ClipSoupError} ERR_HEADER_METADATA if an entry is not what `carriedEntry` writes.
 */
export function carriedTensors(metadata: ReadonlyMap<string, string>): readonly CarriedTensor[] {
	return [...metadata].filter(([key]) => key.startsWith(CARRIED_PREFIX)).map(([key, value]) => parse(key, value));
}

function parse(key: string, value: string): CarriedTensor {
	const { data } = carriedSchema.safeParse(parsedJson(value));
	const bytes = new Uint8Array(Buffer.from(data?.base64 ?? "", "base64"));
	if (data !== undefined && bytes.length * 8 === elementCount(data.shape) * DTYPES[data.dtype].bits) {
		return { name: key.slice(CARRIED_PREFIX.length), dtype: data.dtype, shape: data.shape, bytes };
	}
	throw new ClipSoupError(
		"ERR_HEADER_METADATA",
		`Cannot read metadata "${key}": found ${value}, expected dtype, shape and base64 of a tensor`,
		{ fix: "give a file without this entry, and the value with --logit-scale", details: { key } },
	);
}

function parsedJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
