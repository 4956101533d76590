import { basename, dirname, join, resolve } from "node:path";
import { type LocalFile, openLocalFile } from "./bytes/local-file.ts";
import { ClipSoupError } from "./errors.ts";
import { refuseHub } from "./hub/refuse.ts";
import { Staging } from "./output/staging.ts";
import { type InputIdentity, refuseClashes, resolveTarget } from "./output/target.ts";
import type { Watch } from "./progress.ts";
import { signedBundle } from "./signing/bundle.ts";
import { Digester } from "./signing/digest.ts";
import { readPrivateKey } from "./signing/keys.ts";
import { DEFAULT_IGNORED, type FolderEntry, isAtOrBelow, listFiles, pathInFolder } from "./signing/list-files.ts";
import { statementOf } from "./signing/statement.ts";

export interface SignOptions {
	/** The private key: an unencrypted PEM file with an EC key on P-256, P-384 or P-521, outside of the folder. */
	readonly key: string;
	/** The signature, `NAME.sig`. Default `model.sig` in the folder. */
	readonly output?: string | undefined;
	/** Replace a signature that exists. Default false. */
	readonly force?: boolean | undefined;
	/** Sync the signature to the disk before it appears. Default true. */
	readonly fsync?: boolean | undefined;
}

/** What was signed. */
export interface SignResult {
	/** The folder as it was named. */
	readonly path: string;
	/** The signature. */
	readonly output: string;
	/** Paths from the folder, with their SHA-256: `sha256:` and 64 hex digits. */
	readonly files: readonly { readonly path: string; readonly byteLength: number; readonly sha256: string }[];
	readonly byteLength: number;
	/** Of all files together, as the signature's subject has it. */
	readonly rootDigest: string;
	readonly curve: string;
	/** SHA-256 of the public key's PEM. */
	readonly keyHint: string;
}

/**
 * Signs every file of a folder by OpenSSF Model Signing v1.0, with a key of one's own; `model_signing verify key` reads it.
 *
 * Left out are git's own files and the signature. The signature appears complete or not at all.
 * @throws {ClipSoupError} ERR_KEY_INVALID, ERR_USAGE for an output that is no `.sig`, ERR_OUTPUT_EXISTS,
 *   ERR_INPUT_NOT_A_FILE for symbolic links and what is no file, and what reading and writing throw; the signal's reason
 * @example
 * await sign("soup/", { key: "key.pem" });
 */
export async function sign(folder: string, options: SignOptions, watch: Watch = {}): Promise<SignResult> {
	const { output = join(folder, "model.sig"), force = false, fsync = true } = options;
	if (!output.endsWith(".sig")) {
		throw new ClipSoupError("ERR_USAGE", `Cannot write "${output}": expected a name that ends in .sig`, {
			fix: "name the signature as other tools do: -o model.sig",
		});
	}
	refuseHub(folder, "sign", "signature covers every file of a folder");
	const key = await readPrivateKey(options.key);
	await refuseKeyInside(folder, options.key);
	const signature = await pathInFolder(folder, output);
	const ignored = [...DEFAULT_IGNORED, ...(signature === undefined ? [] : [signature])];
	// Before a folder for the output is made, so that a folder that is not there is not made either.
	await listSignable(folder, ignored);

	const target = await resolveTarget(dirname(resolve(output)));
	await refuseClashes(target, [basename(output)], { inputs: [await identityOf(options.key)], force });
	await using staging = await Staging.open(target, { force, fsync });
	// Again, because opening the staging removed what dead runs left in the folder.
	const files = await digestAll(folder, await listSignable(folder, ignored), watch);
	const { payload, rootDigest } = statementOf(basename(resolve(folder)), files, ignored);
	staging.addBytes(basename(output), Buffer.from(`${JSON.stringify(signedBundle(payload, key))}\n`));
	await staging.commit(watch.signal);
	return {
		path: folder,
		output,
		files: files.map(({ path, byteLength, sha256 }) => ({ path, byteLength, sha256: `sha256:${sha256}` })),
		byteLength: files.reduce((sum, { byteLength }) => sum + byteLength, 0),
		rootDigest: `sha256:${rootDigest}`,
		curve: key.curve,
		keyHint: key.hint,
	};
}

/** A key in the folder would be signed with it, and published with it next. */
async function refuseKeyInside(folder: string, key: string): Promise<void> {
	const inside = await pathInFolder(folder, key);
	if (inside === undefined) return;
	throw new ClipSoupError(
		"ERR_KEY_INVALID",
		`Cannot use the key "${key}": found it in the folder that is to be signed, expected it elsewhere`,
		{ fix: "move it to where it is not published", details: { path: key } },
	);
}

async function identityOf(path: string): Promise<InputIdentity> {
	await using source = await openLocalFile(path);
	const { device, inode } = source.file;
	return { device, inode, name: path };
}

/** Everything in the folder that is not ignored, which has to be regular files. */
async function listSignable(folder: string, ignored: readonly string[]): Promise<FolderEntry[]> {
	const names = new Set(ignored);
	const entries = await listFiles(folder, { isIgnored: (path) => isAtOrBelow(path, names), followsSymlinks: false });
	const other = entries.find(({ kind }) => kind !== "file");
	if (other !== undefined) {
		const fix =
			other.kind === "symbolic link"
				? "put a copy of the file in its place: cp -RL copies a folder with what its links lead to"
				: "remove or rename it";
		const message = `Cannot sign "${join(folder, other.path)}": found a ${other.kind}, expected a regular file`;
		throw new ClipSoupError("ERR_INPUT_NOT_A_FILE", message, { fix, details: { path: other.path } });
	}
	if (entries.length > 0) return entries;
	throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot sign "${folder}": found no file, expected at least one`, {
		fix: "give the folder of a model",
		details: { path: folder },
	});
}

interface SignedFile {
	readonly path: string;
	readonly byteLength: number;
	readonly sha256: string;
}

async function digestAll(folder: string, entries: readonly FolderEntry[], watch: Watch): Promise<SignedFile[]> {
	const bytesTotal = entries.reduce((sum, { byteLength }) => sum + byteLength, 0);
	const digester = new Digester("sha256", bytesTotal, watch);
	const files: SignedFile[] = [];
	for (const { path } of entries) {
		await using file = await openLocalFile(join(folder, path));
		files.push({ path, byteLength: file.byteLength, sha256: await digestWhole(file, digester) });
	}
	return files;
}

async function digestWhole(file: LocalFile, digester: Digester): Promise<string> {
	const sha256 = await digester.digest(file, { start: 0, end: file.byteLength });
	await file.assertUnchanged();
	return sha256;
}
