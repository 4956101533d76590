import { createHash } from "node:crypto";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { Folder } from "../bytes/folder.ts";
import { openLocalFile } from "../bytes/local-file.ts";
import { readSmallFile } from "../bytes/small-file.ts";
import { ClipSoupError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { HubCache } from "./cache.ts";
import { integrityError, notCachedError } from "./failure.ts";
import type { HubHttp } from "./http.ts";
import { formatHubReference, type HubReference } from "./reference.ts";
import { RemoteFile } from "./remote-file.ts";
import { type HubFile, type RepositoryAt, resolveUrl } from "./repository.ts";

/** Above any configuration or tokenizer file of a CLIP, whose largest has 4 MB. */
const MOST_SMALL_BYTES = 2 ** 26;

/** A repository at one commit: what it holds, and how to come by it. */
export interface OpenRepository extends RepositoryAt {
	readonly endpoint: string;
	readonly http: HubHttp;
	readonly cache: HubCache;
	readonly signal: AbortSignal | undefined;
	/** Whether only the cache may be read. */
	readonly isOffline: boolean;
	/** By path; undefined where only the cache tells what there is. */
	readonly files: ReadonlyMap<string, HubFile> | undefined;
	/** Paths of all files. */
	readonly paths: readonly string[];
}

/** A folder of a repository on the Hub, its root if the reference names no path. What the cache holds is read from there. */
export class RemoteFolder implements Folder {
	readonly name: string;
	readonly path = undefined;
	readonly origin: Origin;
	readonly #repository: OpenRepository;
	readonly #reference: HubReference;

	constructor(repository: OpenRepository, reference: HubReference) {
		this.name = formatHubReference(reference);
		this.origin = { repo: repository.id, revision: repository.commit };
		this.#repository = repository;
		this.#reference = reference;
	}

	nameOf(name: string): string {
		return formatHubReference({ ...this.#reference, path: this.#pathOf(name) });
	}

	async list(): Promise<string[]> {
		const prefix = this.#pathOf("");
		const inside = this.#repository.paths.filter((path) => path.startsWith(prefix));
		return [...new Set(inside.map((path) => path.slice(prefix.length).split("/")[0] ?? ""))];
	}

	async folder(name: string): Promise<RemoteFolder | undefined> {
		const path = this.#pathOf(name);
		const isFolder = this.#repository.paths.some((each) => each.startsWith(`${path}/`));
		return isFolder ? new RemoteFolder(this.#repository, { ...this.#reference, path }) : undefined;
	}

	async open(name: string): Promise<ByteSource> {
		const path = this.#pathOf(name);
		const local = await this.#cached(path);
		if (local !== undefined) return openLocalFile(local, this.nameOf(name));
		const { http, endpoint, files, signal } = this.#repository;
		const file = files?.get(path);
		if (file === undefined) throw this.#missing(name);
		return new RemoteFile(this.nameOf(name), resolveUrl(endpoint, this.#repository, path), file, http, signal);
	}

	async readSmall(name: string): Promise<Buffer | undefined> {
		const path = this.#pathOf(name);
		const local = await this.#cached(path);
		if (local !== undefined) return readSmallFile(local);
		const { http, endpoint, files } = this.#repository;
		const file = files?.get(path);
		if (file === undefined) return undefined;
		const attempt = { verb: "read", object: this.nameOf(name) };
		if (file.byteLength > MOST_SMALL_BYTES) {
			throw new ClipSoupError(
				"ERR_CONFIG_INVALID",
				`Cannot read "${attempt.object}": found ${file.byteLength} bytes, expected at most ${MOST_SMALL_BYTES}`,
				{ fix: "make sure that it is the file it is called" },
			);
		}
		const request = { url: resolveUrl(endpoint, this.#repository, path), attempt };
		const { bytes } = await http.bytes(request, (received) => {
			const [found, expected] = digestsOf(received, file);
			return found === expected ? undefined : integrityError(attempt, found, expected);
		});
		return bytes;
	}

	#pathOf(name: string): string {
		const { path } = this.#reference;
		return path === undefined ? name : `${path}/${name}`;
	}

	async #cached(path: string): Promise<string | undefined> {
		const { cache, commit, files, paths } = this.#repository;
		const file = files?.get(path);
		if (!paths.includes(path)) return undefined;
		return cache.find(commit, path, file && { byteLength: file.byteLength, blob: file.sha256 ?? file.gitOid });
	}

	#missing(name: string): ClipSoupError {
		const { commit, isOffline } = this.#repository;
		const object = this.nameOf(name);
		if (isOffline) return notCachedError({ verb: "open", object });
		return new ClipSoupError("ERR_HUB_NOT_FOUND", `Cannot open "${object}": found no such file at commit ${commit}`, {
			fix: "check the path, which starts at the root of the repository",
		});
	}
}

/** The digest of what came, and that of the listing; a file that came short has another one. */
function digestsOf(bytes: Buffer, { sha256, gitOid }: HubFile): [found: string, expected: string] {
	if (sha256 !== undefined) return [`sha256 ${createHash("sha256").update(bytes).digest("hex")}`, `sha256 ${sha256}`];
	const git = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
	return [`git's sha1 ${git}`, `git's sha1 ${gitOid}`];
}
