import { createHash } from "node:crypto";
import * as z from "zod";
import { compareUtf8 } from "../tensor/names.ts";
import { invalidSignature, malformedSignature, parseJson } from "./invalid-signature.ts";

/** A run of a signed file's bytes and its digest in hex. */
export interface SignedPiece {
	readonly start: number;
	/** Exclusive; undefined is the end of the file, wherever that is. */
	readonly end: number | undefined;
	readonly digest: string;
}

/** A file that was signed: in one piece, or in shards that follow each other. */
export interface SignedFile {
	/** From the model's folder, with `/`. */
	readonly path: string;
	readonly pieces: readonly [SignedPiece, ...SignedPiece[]];
}

/** What a signature says of a model. */
export interface Statement {
	/** As the signature calls it: `sha256`. */
	readonly algorithm: string;
	readonly files: readonly SignedFile[];
	/** Whether empty files are left out, which shards cannot hold. */
	readonly omitsEmptyFiles: boolean;
	readonly allowsSymlinks: boolean;
	readonly ignoredPaths: readonly string[];
	/** Digest of all digests as the subject has it, and as its resources have it. */
	readonly rootDigest: { readonly stated: string; readonly computed: string };
}

const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://model_signing/signature/v1.0";

const resourceSchema = z.object({
	name: z.string().min(1),
	digest: z.string().regex(/^([0-9a-f]{2})+$/),
	algorithm: z.string(),
});
type Resource = z.infer<typeof resourceSchema>;

const commonSerialization = {
	hash_type: z.string(),
	allow_symlinks: z.boolean(),
	ignore_paths: z.array(z.string()).default([]),
};

const serializationSchema = z.discriminatedUnion("method", [
	z.object({ method: z.literal("files"), ...commonSerialization }),
	z.object({ method: z.literal("shards"), ...commonSerialization, shard_size: z.number().int().positive() }),
]);
type Serialization = z.infer<typeof serializationSchema>;

const statementSchema = z.object({
	_type: z.literal(STATEMENT_TYPE),
	subject: z.tuple([z.object({ name: z.string().min(1), digest: z.object({ sha256: z.string() }) })]),
	predicateType: z.literal(PREDICATE_TYPE),
	predicate: z.object({ serialization: serializationSchema, resources: z.array(resourceSchema).min(1) }),
});

/**
 * Reads the statement of a signature that holds.
 *
 * @param path the signature's file, for messages
 * @throws {ClipSoupError} ERR_SIGNATURE_INVALID if it is no statement of OpenSSF Model Signing v1.0
 */
export function parseStatement(payload: Buffer, path: string): Statement {
	const result = statementSchema.safeParse(parseJson(payload));
	if (!result.success) throw invalidSignature(path, "a statement of OpenSSF Model Signing v1.0", result.error);
	const { subject, predicate } = result.data;
	const { serialization, resources } = predicate;
	const algorithms = algorithmNames(serialization);
	const other = resources.find(({ algorithm }) => !algorithms.includes(algorithm));
	if (other !== undefined) {
		throw malformedSignature(path, `a digest by ${other.algorithm}`, `all of them by ${serialization.hash_type}`);
	}
	return {
		algorithm: serialization.hash_type,
		files: signedFiles(serialization, resources, path),
		omitsEmptyFiles: serialization.method === "shards",
		allowsSymlinks: serialization.allow_symlinks,
		ignoredPaths: serialization.ignore_paths,
		rootDigest: { stated: subject[0].digest.sha256, computed: rootDigest(resources) },
	};
}

/** What resources may call the hash: in shards, model_signing adds their size, which the specification does not. */
function algorithmNames(serialization: Serialization): string[] {
	const { method, hash_type } = serialization;
	return method === "shards" ? [hash_type, `${hash_type}-sharded-${serialization.shard_size}`] : [hash_type];
}

/** The statement about these files, as `model_signing` lays it out: in the order of their names' code points. */
export function statementOf(
	modelName: string,
	files: readonly { readonly path: string; readonly sha256: string }[],
	ignoredPaths: readonly string[],
): { readonly payload: Buffer; readonly rootDigest: string } {
	const resources = files
		.toSorted((a, b) => compareUtf8(a.path, b.path))
		.map(({ path, sha256 }) => ({ name: path, algorithm: "sha256", digest: sha256 }));
	const sha256 = rootDigest(resources);
	const statement: z.input<typeof statementSchema> = {
		_type: STATEMENT_TYPE,
		subject: [{ name: modelName, digest: { sha256 } }],
		predicateType: PREDICATE_TYPE,
		predicate: {
			serialization: {
				method: "files",
				hash_type: "sha256",
				allow_symlinks: false,
				ignore_paths: [...ignoredPaths],
			},
			resources,
		},
	};
	return { payload: Buffer.from(JSON.stringify(statement)), rootDigest: sha256 };
}

/** SHA-256 over the raw digests in the order given: always SHA-256, whatever the files were digested with. */
function rootDigest(resources: readonly Resource[]): string {
	const hash = createHash("sha256");
	for (const { digest } of resources) hash.update(digest, "hex");
	return hash.digest("hex");
}

function signedFiles(serialization: Serialization, resources: readonly Resource[], path: string): SignedFile[] {
	return serialization.method === "files"
		? wholeFiles(resources, path)
		: shardedFiles(resources, serialization.shard_size, path);
}

function wholeFiles(resources: readonly Resource[], path: string): SignedFile[] {
	const names = new Set<string>();
	for (const { name } of resources) {
		if (names.has(name)) throw malformedSignature(path, `"${name}" twice`, "every file once");
		names.add(name);
	}
	return resources.map(({ name, digest }) => ({ path: name, pieces: [{ start: 0, end: undefined, digest }] }));
}

/** Shards are called `path:start:end`; a path may hold colons of its own. */
const SHARD_NAME = /^(.+):(0|[1-9]\d{0,15}):([1-9]\d{0,15})$/s;

function shardedFiles(resources: readonly Resource[], shardSize: number, path: string): SignedFile[] {
	const byPath = new Map<string, (SignedPiece & { readonly end: number })[]>();
	for (const { name, digest } of resources) {
		const [, file, start, end] = SHARD_NAME.exec(name) ?? [];
		if (file === undefined) throw malformedSignature(path, `a shard called "${name}"`, "path:start:end");
		const pieces = byPath.get(file) ?? [];
		pieces.push({ start: Number(start), end: Number(end), digest });
		byPath.set(file, pieces);
	}
	return [...byPath].map(([file, pieces]) => {
		const [first, ...rest] = pieces.sort((a, b) => a.start - b.start);
		const isGapless = pieces.every(({ start, end }, index) => {
			const isLast = index === pieces.length - 1;
			return (
				start === index * shardSize && (isLast ? end > start && end <= start + shardSize : end === start + shardSize)
			);
		});
		if (first === undefined || !isGapless) {
			throw malformedSignature(path, `shards of "${file}" with gaps or overlaps`, `runs of ${shardSize} bytes`);
		}
		return { path: file, pieces: [first, ...rest] };
	});
}
