import { mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { type FileStamp, stampOf } from "./local-file.ts";

const stampSchema = z.object({ size: z.number(), mtimeNs: z.string(), inode: z.string() });
const digestsSchema = z.record(
	z.string(),
	z.object({ stamp: stampSchema, sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
);
/** Digests by absolute path. */
type Digests = z.infer<typeof digestsSchema>;
const NAME = "digests.json";
/**
 * What a run leaves for the next one if it is ended: digests of large files. How far a plan got is asked of the Hub.
 *
 * It lies in `.clip-soup/` beside the folder that is published, so that nothing in the folder changes. A journal that
 * cannot be read or written costs time and nothing else.
 */
export class Journal {
	readonly #folder: string;
	readonly #isUsed: boolean;
	#digests: Digests = {};

	private constructor(source: string, isUsed: boolean) {
		this.#folder = join(dirname(resolve(source)), ".clip-soup");
		this.#isUsed = isUsed;
	}

	/** @param isUsed false to digest everything and leave nothing */
	static async open(source: string, isUsed: boolean): Promise<Journal> {
		const journal = new Journal(source, isUsed);
		if (isUsed) journal.#digests = await readDigests(join(journal.#folder, NAME));
		return journal;
	}

	/** The SHA-256 of a file that an earlier run digested, if it is still the same. */
	async digestOf(path: string): Promise<string | undefined> {
		const known = this.#digests[resolve(path)];
		if (known === undefined) return undefined;
		return isDeepStrictEqual(known.stamp, await stampOf(path)) ? known.sha256 : undefined;
	}

	/** @param stamp taken before the file was read */
	addDigest(path: string, stamp: FileStamp, sha256: string): void {
		this.#digests[resolve(path)] = { stamp, sha256 };
	}

	/** From here on something is left if the run is ended. */
	async begin(): Promise<void> {
		if (!this.#isUsed) return;
		const path = join(this.#folder, NAME);
		try {
			await mkdir(this.#folder, { recursive: true });
			await using file = await open(`${path}.${process.pid}`, "w");
			await file.writeFile(`${JSON.stringify(this.#digests, undefined, "\t")}\n`);
			await file.sync();
			await rename(`${path}.${process.pid}`, path);
		} catch {
			// A folder that may not be written to: the next run digests again.
		}
	}

	/** Removes what only a run that was ended needs. */
	async end(): Promise<void> {
		if (!this.#isUsed) return;
		await rm(join(this.#folder, NAME), { force: true });
		await rmdir(this.#folder).catch(() => {});
	}
}

async function readDigests(path: string): Promise<Digests> {
	try {
		return digestsSchema.parse(JSON.parse(await readFile(path, "utf8")));
	} catch {
		return {};
	}
}
