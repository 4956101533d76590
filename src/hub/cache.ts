import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";

const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a revision is a commit, which never means anything else. */
export function isCommit(revision: string): boolean {
	return COMMIT.test(revision);
}

/** What a file must be to count as the one that is meant. */
export interface ExpectedFile {
	readonly byteLength: number;
	/** Name of its blob: SHA-256 of an LFS file, git's SHA-1 of any other. */
	readonly blob: string;
}

/**
 * The folder in which the Hub's Python client keeps a repository. It is read and never written to.
 *
 * `refs/NAME` holds a commit; `snapshots/COMMIT/PATH` is a link to `blobs/ETAG` (huggingface_hub, "Manage the cache").
 */
export class HubCache {
	readonly #folder: string;

	constructor(cache: string, id: string) {
		this.#folder = join(cache, `models--${id.replace("/", "--")}`);
	}

	/** The commit that a branch or tag had when it was downloaded last; undefined if it never was. */
	async commitOf(revision: string): Promise<string | undefined> {
		if (isCommit(revision)) return revision;
		const text = await readFile(join(this.#folder, "refs", revision), "utf8").catch(() => "");
		return isCommit(text.trim()) ? text.trim() : undefined;
	}

	/** Paths of the files of a commit that are there. */
	async list(commit: string): Promise<string[]> {
		const folder = this.#snapshot(commit);
		const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
		const files = entries.filter((entry) => !entry.isDirectory());
		return files.map((entry) =>
			join(entry.parentPath, entry.name)
				.slice(folder.length + 1)
				.replaceAll("\\", "/"),
		);
	}

	/** The local path of a file, if it is there and, as far as its name and size tell, whole. */
	async find(commit: string, path: string, expected?: ExpectedFile): Promise<string | undefined> {
		const local = join(this.#snapshot(commit), path);
		const stats = await stat(local).catch(() => undefined);
		if (!stats?.isFile()) return undefined;
		if (expected === undefined) return local;
		// Without links, as on Windows, there is a copy, of which only the size can be compared.
		const blob = await readlink(local).then(basename, () => expected.blob);
		return stats.size === expected.byteLength && blob === expected.blob ? local : undefined;
	}

	#snapshot(commit: string): string {
		return join(this.#folder, "snapshots", commit);
	}
}
