import { join } from "node:path";
import { openLocalFile } from "../bytes/local-file.ts";
import type { Watch } from "../progress.ts";
import type { Finding } from "../verification.ts";
import { Digester, HASHES } from "./digest.ts";
import { malformedSignature } from "./invalid-signature.ts";
import { DEFAULT_IGNORED, type FolderEntry, isAtOrBelow, listFiles, pathInFolder } from "./list-files.ts";
import type { SignedFile, SignedPiece, Statement } from "./statement.ts";

export interface CompareOptions {
	/** Path of the signature, which is no part of what it signs. */
	readonly signature: string;
	/** Let files pass that were not signed. */
	readonly ignoreUnsigned: boolean;
}

/** What a folder and a statement have in common, and what they do not. */
export interface Comparison {
	readonly findings: readonly Finding[];
	readonly byteLength: number;
	/** Files that were not signed; findings too, unless they may pass. */
	readonly unsigned: readonly string[];
}

/**
 * Compares a folder with the statement of a signature that holds: names in both directions, and every byte.
 *
 * Signed names are looked up among those of the folder and never opened by themselves, so that none leads out of it.
 * @throws {ClipSoupError} ERR_SIGNATURE_INVALID for a hash that is not supported, ERR_INPUT_NOT_FOUND,
 *   ERR_INPUT_UNREADABLE, ERR_INPUT_CHANGED, ERR_IO; the signal's reason when aborted
 */
export async function compareFolder(
	folder: string,
	statement: Statement,
	{ signature, ignoreUnsigned }: CompareOptions,
	watch: Watch,
): Promise<Comparison> {
	const algorithm = HASHES.get(statement.algorithm);
	if (algorithm === undefined) {
		throw malformedSignature(
			signature,
			`digests by ${statement.algorithm}: not supported`,
			[...HASHES.keys()].join(" or "),
		);
	}
	const entries = await listSigned(folder, statement, await pathInFolder(folder, signature));
	const files = new Map(entries.filter(({ kind }) => kind === "file").map((entry) => [entry.path, entry]));
	const present = statement.files.filter(({ path }) => files.has(path));
	const byteLength = present.reduce((sum, { path }) => sum + (files.get(path)?.byteLength ?? 0), 0);
	const digester = new Digester(algorithm, byteLength, watch);
	const findings: Finding[] = [];
	for (const signed of present) findings.push(...(await compareFile(folder, signed, statement.algorithm, digester)));
	const unsigned = unsignedEntries(entries, statement);
	return {
		findings: [
			...findings,
			...statement.files.filter(({ path }) => !files.has(path)).map(missing),
			...(ignoreUnsigned ? [] : unsigned.map(notSigned)),
		],
		byteLength,
		unsigned: unsigned.map(({ path }) => path),
	};
}

/** The folder without what is ignored, but with all that was signed. */
async function listSigned(folder: string, statement: Statement, signature: string | undefined): Promise<FolderEntry[]> {
	const ignored = new Set([
		...DEFAULT_IGNORED,
		...statement.ignoredPaths,
		...(signature === undefined ? [] : [signature]),
	]);
	const signed = new Set(statement.files.flatMap(({ path }) => withFolders(path)));
	return listFiles(folder, {
		isIgnored: (path) => isAtOrBelow(path, ignored) && !signed.has(path),
		followsSymlinks: statement.allowsSymlinks,
	});
}

/** `a/b/c` with `a` and `a/b`. */
function withFolders(path: string): string[] {
	const parts = path.split("/");
	return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function unsignedEntries(entries: readonly FolderEntry[], { files, omitsEmptyFiles }: Statement): FolderEntry[] {
	const signed = new Set(files.map(({ path }) => path));
	return entries.filter(({ path, kind, byteLength }) => {
		if (kind !== "file") return true;
		return !signed.has(path) && !(omitsEmptyFiles && byteLength === 0);
	});
}

/** @param algorithm as the signature calls it */
async function compareFile(
	folder: string,
	{ path, pieces }: SignedFile,
	algorithm: string,
	digester: Digester,
): Promise<Finding[]> {
	await using file = await openLocalFile(join(folder, path));
	// As long as it is now that it is open: it may have grown since it was listed.
	const { byteLength } = file;
	const signedLength = pieces.at(-1)?.end ?? byteLength;
	if (signedLength !== byteLength) {
		const message = `"${path}" is not the file that was signed: found ${byteLength} bytes, expected ${signedLength}`;
		return [{ level: "error", message, file: path, found: `${byteLength} bytes`, expected: `${signedLength} bytes` }];
	}
	const findings: Finding[] = [];
	for (const piece of pieces) {
		const digest = await digester.digest(file, { start: piece.start, end: piece.end ?? byteLength });
		if (digest !== piece.digest) findings.push(altered(path, piece, `${algorithm}:${digest}`, algorithm));
	}
	await file.assertUnchanged();
	return findings;
}

function altered(path: string, { start, end, digest }: SignedPiece, found: string, algorithm: string): Finding {
	const where = end === undefined ? "" : ` in bytes ${start} to ${end - 1}`;
	const expected = `${algorithm}:${digest}`;
	const message = `"${path}" is not the file that was signed${where}: found ${found}, expected ${expected}`;
	return { level: "error", message, file: path, found, expected };
}

function missing({ path }: SignedFile): Finding {
	const message = `"${path}" was signed: found no such file, expected it in the folder`;
	return { level: "error", message, file: path };
}

function notSigned({ path, kind }: FolderEntry): Finding {
	const message =
		kind === "file"
			? `"${path}" was not signed: found it in the folder, expected only files that the signature names`
			: `"${path}" was not signed: found a ${kind}, expected only regular files`;
	return { level: "error", message, file: path };
}
