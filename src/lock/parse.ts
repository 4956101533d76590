import { parseArchitecture } from "../architectures/architecture.ts";
import { ClipSoupError, isClipSoupError } from "../errors.ts";
import { type CanonicalDigest, canonicalDigestOf } from "../layouts/canonical-digest.ts";
import { firstIssue } from "../schema-issue.ts";
import { type DigestedTensor, modelDigest } from "../tensor/model-digest.ts";
import { LOCK_VERSION, type Lock, lockSchema } from "./schema.ts";

/**
 * Reads the text of a lock file, and makes sure that its digests follow from its entries.
 *
 * @param path as messages call it
 * @throws {ClipSoupError} ERR_LOCK_INVALID
 */
export function parseLock(text: string, path: string): Lock {
	const json = parseJson(text, path);
	const version = versionOf(json);
	if (version !== LOCK_VERSION) {
		throw invalid(path, `lockVersion ${JSON.stringify(version) ?? "nowhere"}`, `${LOCK_VERSION}`, NEWER);
	}
	const { data: lock, error } = lockSchema.safeParse(json);
	if (lock === undefined) {
		const { field, expected } = firstIssue(error);
		throw invalid(path, `something else at ${field}`, expected);
	}
	refuseTwins(lock, path);
	refuseUnknownArchitecture(lock, path);
	refuseWrongFeatures(lock, path);
	refuseWrongDigests(lock, path);
	return lock;
}

const ANEW = "write it anew with verify --write-lock";
const NEWER = `read it with the version of clip-soup that wrote it, or ${ANEW}`;

function invalid(path: string, found: string, expected: string, fix = ANEW, cause?: unknown): ClipSoupError {
	return new ClipSoupError("ERR_LOCK_INVALID", `Cannot use the lock "${path}": found ${found}, expected ${expected}`, {
		fix,
		details: { lock: path },
		cause,
	});
}

function parseJson(text: string, path: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw invalid(path, "no JSON", "a lock file", ANEW, cause);
	}
}

function versionOf(json: unknown): unknown {
	return typeof json === "object" && json !== null && "lockVersion" in json ? json.lockVersion : undefined;
}

function refuseTwins({ tensors, stored = [], files }: Lock, path: string): void {
	for (const names of [tensors.map(nameOf), stored.map(nameOf), files.map((file) => file.path)]) {
		const seen = new Set<string>();
		const twin = names.find((name) => seen.size === seen.add(name).size);
		if (twin !== undefined) throw invalid(path, `"${twin}" twice`, "every name once");
	}
}

function nameOf({ name }: { readonly name: string }): string {
	return name;
}

function refuseUnknownArchitecture({ model: { architecture } }: Lock, path: string): void {
	if (architecture === undefined) return;
	try {
		parseArchitecture(architecture);
	} catch (error) {
		if (!isClipSoupError(error)) throw error;
		throw invalid(path, "model.architecture that is none", "OpenCLIP's model_cfg", NEWER, error);
	}
}

function refuseWrongFeatures({ golden }: Lock, path: string): void {
	for (const tower of ["image", "text"] as const) {
		const features = golden?.[tower];
		if (features === undefined) continue;
		const [rows, columns] = features.shape;
		const found = Buffer.from(features.f32base64, "base64").byteLength;
		if (found === rows * columns * 4) continue;
		throw invalid(path, `${found} bytes in golden.${tower}`, `${rows * columns * 4} by its shape`);
	}
}

function refuseWrongDigests(lock: Lock, path: string): void {
	const canonical = lock.canonicalDigest && canonicalDigestOf(lock.tensors.map(bare));
	for (const part of ["visual", "text", "all"] as const satisfies readonly (keyof CanonicalDigest)[]) {
		const [found, expected] = [lock.canonicalDigest?.[part], canonical?.[part]];
		refuseDigest(path, `canonicalDigest.${part}`, found, expected);
	}
	refuseDigest(path, "modelDigest", lock.modelDigest, modelDigest((lock.stored ?? lock.tensors).map(bare)));
}

/** An entry as the digest's lines take it. */
function bare({ sha256, ...tensor }: DigestedTensor): DigestedTensor {
	return { ...tensor, sha256: sha256.replace("sha256:", "") };
}

function refuseDigest(path: string, name: string, found: string | undefined, expected: string | undefined): void {
	if (found === expected) return;
	throw invalid(path, `${name} ${found ?? "missing"}`, `${expected ?? "none"} by its tensors`);
}
