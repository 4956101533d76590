import type { ResolvedReference } from "../origin.ts";
import { HubCache, isCommit } from "./cache.ts";
import { type Environment, type HubPlaces, hubPlaces } from "./endpoint.ts";
import { notCachedError } from "./failure.ts";
import { type HttpOptions, HubHttp } from "./http.ts";
import { formatHubReference, type HubReference } from "./reference.ts";
import { type OpenRepository, RemoteFolder } from "./remote-folder.ts";
import { listFiles, resolveCommit } from "./repository.ts";
import { type FoundToken, findToken } from "./token.ts";

export interface HubOptions extends HttpOptions {
	/** Where HF_ENDPOINT, HF_TOKEN and the like are looked up. Default: the process's. */
	readonly environment?: Environment;
}

/** A file in a folder of a repository, or the folder itself. */
export interface HubPlace {
	readonly folder: RemoteFolder;
	/** Name in that folder of the file that was referred to; undefined if it was the folder. */
	readonly file: string | undefined;
}

/**
 * The Hub as one run of a command sees it: a revision means the same commit throughout.
 *
 * Making one costs nothing; token, cache and network are looked at when a reference is opened.
 */
export class Hub {
	readonly #environment: Environment;
	readonly #options: HttpOptions;
	readonly #repositories = new Map<string, Promise<OpenRepository>>();
	readonly #origins = new Map<string, ResolvedReference>();
	#token: Promise<FoundToken> | undefined;
	#http: HubHttp | undefined;
	#notices: readonly string[] = [];

	constructor({ environment = process.env, ...options }: HubOptions = {}) {
		this.#environment = environment;
		this.#options = options;
	}

	/**
	 * Resolves the revision to its commit and lists what is there: two requests, or none where the cache tells all.
	 *
	 * @throws {ClipSoupError} ERR_HUB_AUTH, ERR_HUB_FORBIDDEN, ERR_HUB_NOT_FOUND, ERR_HUB_UNAVAILABLE, ERR_HUB_OFFLINE
	 */
	async open(reference: HubReference): Promise<HubPlace> {
		const places = hubPlaces(this.#environment);
		const key = formatHubReference({ ...reference, path: undefined });
		const place = (await this.#pinned(places, reference)) ?? (await this.#listed(places, reference, key));
		this.#origins.set(key, { reference: key, ...place.folder.origin });
		return place;
	}

	/** What was read of the Hub so far, in the order in which it was opened first. */
	get origins(): readonly ResolvedReference[] {
		return [...this.#origins.values()];
	}

	/** What the user should know of how the token is kept; told once. */
	takeNotices(): readonly string[] {
		const notices = this.#notices;
		this.#notices = [];
		return notices;
	}

	/**
	 * A file of a commit that the cache holds needs no request at all: neither can have changed. An index names other
	 * files, of which the listing tells.
	 */
	async #pinned(places: HubPlaces, reference: HubReference): Promise<HubPlace | undefined> {
		const { id, revision, path } = reference;
		if (path === undefined || revision === undefined || !isCommit(revision)) return undefined;
		if (path.endsWith(".index.json")) return undefined;
		const cache = new HubCache(places.cache, id);
		if ((await cache.find(revision, path)) === undefined) return undefined;
		const repository = { ...this.#base(places, reference), commit: revision, files: undefined, paths: [path] };
		return placeIn(repository, reference);
	}

	async #listed(places: HubPlaces, reference: HubReference, key: string): Promise<HubPlace> {
		const opened = this.#repositories.get(key) ?? this.#openRepository(places, reference);
		this.#repositories.set(key, opened);
		return placeIn(await opened, reference);
	}

	async #openRepository(places: HubPlaces, reference: HubReference): Promise<OpenRepository> {
		const { id, revision } = reference;
		const base = this.#base(places, reference);
		const { cache, endpoint, http } = base;
		if (places.isOffline) {
			const commit = await cache.commitOf(revision ?? "main");
			const paths = commit === undefined ? [] : await cache.list(commit);
			const attempt = { verb: "read", object: formatHubReference({ id, revision, path: undefined }) };
			if (commit === undefined || paths.length === 0) throw notCachedError(attempt);
			return { ...base, commit, files: undefined, paths };
		}
		const commit =
			revision !== undefined && isCommit(revision) ? revision : await resolveCommit(http, endpoint, id, revision);
		const files = await listFiles(http, endpoint, { id, commit });
		return {
			...base,
			commit,
			files: new Map(files.map((file) => [file.path, file])),
			paths: files.map(({ path }) => path),
		};
	}

	#base({ endpoint, isOffline, cache }: HubPlaces, { id }: HubReference) {
		const http = this.#connect();
		return { id, endpoint, http, isOffline, cache: new HubCache(cache, id), signal: this.#options.signal };
	}

	#connect(): HubHttp {
		const { endpoint, isOffline } = hubPlaces(this.#environment);
		const authorization = async () => {
			this.#token ??= findToken(this.#environment).then((found) => {
				this.#notices = found.notices;
				return found;
			});
			const { token } = await this.#token;
			return token && `Bearer ${token.reveal()}`;
		};
		this.#http ??= new HubHttp({ endpoint, isOffline, authorization }, this.#options);
		return this.#http;
	}
}

/** The file or folder at a path, as far as the repository has it; a path that is neither is taken for a file. */
async function placeIn(repository: OpenRepository, reference: HubReference): Promise<HubPlace> {
	const { path } = reference;
	const root = new RemoteFolder(repository, { ...reference, path: undefined });
	if (path === undefined) return { folder: root, file: undefined };
	const folder = await root.folder(path);
	if (folder !== undefined) return { folder, file: undefined };
	const slash = path.lastIndexOf("/");
	const parent = slash < 0 ? root : new RemoteFolder(repository, { ...reference, path: path.slice(0, slash) });
	return { folder: parent, file: path.slice(slash + 1) };
}
