import { mkdir, open, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { type FileStamp, stampOf } from "./local-file.ts";

const stampSchema = z.object({ size: z.number(), mtimeNs: z.string(), inode: z.string() });
const digestsSchema = z.record(
	z.string(),
	z.object({ stamp: stampSchema, sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
);
const stateSchema = z.object({
	/** Number of the pull request; 0 if one was asked for and no answer came. */
	pullRequest: z.number().int().nonnegative().optional(),
	/** As soon as it is known. */
	commit: z.string().optional(),
});
const fileSchema = stateSchema.extend({ source: z.string() });

/** How far a plan was carried out. */
export type JournalState = z.infer<typeof stateSchema>;

/**
 * What a run leaves for the next one if it is ended: digests of large files, and how far the plan got.
 *
 * It lies in `.clip-soup/` beside the folder that is published, so that nothing in the folder changes. A journal that
 * cannot be read or written costs time and nothing else.
 */
export class Journal {
	readonly #folder: string;
	readonly #source: string;
	readonly #isUsed: boolean;
	#digests: z.infer<typeof digestsSchema> = {};
	#plan: string | undefined;

	private constructor(source: string, isUsed: boolean) {
		this.#source = resolve(source);
		this.#folder = join(dirname(this.#source), ".clip-soup");
		this.#isUsed = isUsed;
	}

	/** @param isUsed false to start anew and leave nothing */
	static async open(source: string, isUsed: boolean): Promise<Journal> {
		const journal = new Journal(source, isUsed);
		journal.#digests = (await journal.#read("digests.json", digestsSchema)) ?? {};
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

	/** How far an earlier run got with a plan. */
	async stateOf(plan: string): Promise<JournalState> {
		return (await this.#read(nameOf(plan), stateSchema)) ?? {};
	}

	/** From here on something is left if the run is ended. */
	async begin(plan: string): Promise<void> {
		this.#plan = nameOf(plan);
		await this.#write("digests.json", this.#digests);
	}

	async note(state: JournalState): Promise<void> {
		if (this.#plan !== undefined) await this.#write(this.#plan, { ...state, source: this.#source });
	}

	/** Removes what only a run that was ended needs, that of earlier plans of this folder too. */
	async end(): Promise<void> {
		if (!this.#isUsed) return;
		const names = await readdir(this.#folder).catch(() => []);
		for (const name of names.filter((each) => each.startsWith("publish-"))) {
			const journal = await this.#read(name, fileSchema);
			if (journal?.source === this.#source) await rm(join(this.#folder, name), { force: true });
		}
		await rm(join(this.#folder, "digests.json"), { force: true });
		await rmdir(this.#folder).catch(() => {});
	}

	async #read<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
		if (!this.#isUsed) return undefined;
		try {
			return schema.parse(JSON.parse(await readFile(join(this.#folder, name), "utf8")));
		} catch {
			return undefined;
		}
	}

	async #write(name: string, value: unknown): Promise<void> {
		if (!this.#isUsed) return;
		const path = join(this.#folder, name);
		try {
			await mkdir(this.#folder, { recursive: true });
			await using file = await open(`${path}.${process.pid}`, "w");
			await file.writeFile(`${JSON.stringify(value, undefined, "\t")}\n`);
			await file.sync();
			await rename(`${path}.${process.pid}`, path);
		} catch {
			// A folder that may not be written to: the next run digests again.
		}
	}
}

function nameOf(plan: string): string {
	return `publish-${plan.slice(0, 16)}.json`;
}
