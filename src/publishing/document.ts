import { lstat } from "node:fs/promises";
import * as z from "zod";
import { readSmallFile } from "../bytes/small-file.ts";
import { identitiesAt } from "../checkpoint/identities.ts";
import { ClipSoupError, isClipSoupError } from "../errors.ts";
import { Staging } from "../output/staging.ts";
import { type FileTarget, resolveFileTarget } from "../output/target.ts";
import { pathInFolder } from "../signing/list-files.ts";

/** A JSON document that `publish` writes besides what it sends. */
export type DocumentKind = "plan" | "receipt";

/** Where a document will be written. */
export interface DocumentOutput {
	readonly target: FileTarget;
	/** Whether an older one of its kind is there, the only thing that it may replace. */
	readonly replaces: boolean;
}

/** What is read while a folder is published. */
export interface PublishInputs {
	readonly folder: string;
	/** Card, lock, plan, token: files outside the folder. */
	readonly files: readonly string[];
}

/**
 * Looks at the place of a document before anything is sent.
 *
 * @throws {ClipSoupError} ERR_OUTPUT_IS_INPUT for one of the inputs or a name in the folder, ERR_OUTPUT_EXISTS if
 *   something is there that is no older document of this kind, ERR_OUTPUT_NOT_WRITABLE
 */
export async function planDocument(
	kind: DocumentKind,
	path: string,
	{ folder, files }: PublishInputs,
): Promise<DocumentOutput> {
	const target = await resolveFileTarget(path);
	const isWithin = (await pathInFolder(folder, path)) !== undefined;
	const existing = await lstat(path, { bigint: true }).catch(() => undefined);
	const inputs = await identitiesAt(files);
	const input = inputs.find(({ device, inode }) => existing?.dev === device && existing.ino === inode);
	const details = { path, input: isWithin ? folder : input?.name };
	if (isWithin || input !== undefined) {
		const found = isWithin
			? `it lies in the folder "${folder}", which is published`
			: `it is the input "${input?.name}"`;
		const fix = `write the ${kind} elsewhere: ${FLAGS[kind]}`;
		throw new ClipSoupError("ERR_OUTPUT_IS_INPUT", `Cannot write "${path}": ${found}`, { fix, details });
	}
	const replaces = await isOlder(kind, path);
	if (existing === undefined || replaces) return { target, replaces };
	throw new ClipSoupError("ERR_OUTPUT_EXISTS", `Cannot write "${path}": it exists and is no ${kind} of clip-soup`, {
		fix: `move it away, or choose another ${FLAGS[kind]}`,
		details: { path },
	});
}

const FLAGS: Readonly<Record<DocumentKind, string>> = { plan: "--plan-out", receipt: "--receipt" };

/** Writes a document, complete or not at all. @throws {ClipSoupError} ERR_OUTPUT_EXISTS, ERR_OUTPUT_NOT_WRITABLE, ERR_NO_SPACE */
export async function writeDocument(
	{ target, replaces }: DocumentOutput,
	document: unknown,
	signal: AbortSignal | undefined,
): Promise<void> {
	await using staging = await Staging.open(target, { force: replaces, fsync: true });
	staging.addBytes(target.name, Buffer.from(`${JSON.stringify(document, undefined, "\t")}\n`));
	await staging.commit(signal);
}

const generator = z.object({ name: z.literal("clip-soup") });
/** Of every version: what an earlier clip-soup wrote may be replaced too. */
const SCHEMAS: Readonly<Record<DocumentKind, z.ZodType>> = {
	plan: z.object({ planVersion: z.number(), generator }),
	receipt: z.object({ receiptVersion: z.number(), generator }),
};

/** Whether a file is a document of this kind; what cannot be read is none, and not ours to replace. */
async function isOlder(kind: DocumentKind, path: string): Promise<boolean> {
	try {
		const bytes = await readSmallFile(path);
		return bytes !== undefined && SCHEMAS[kind].safeParse(JSON.parse(bytes.toString("utf8"))).success;
	} catch (error) {
		if (error instanceof SyntaxError || isClipSoupError(error)) return false;
		throw error;
	}
}
