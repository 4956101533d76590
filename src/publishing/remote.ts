import { ClipSoupError } from "../errors.ts";
import type { Connection } from "../hub/connection.ts";
import { type Refs, readRefs } from "../hub/refs.ts";
import { type HubFile, listFiles, resolveUrl } from "../hub/repository.ts";
import { repositoryInfo } from "../hub/repository-info.ts";
import { CARD_NAME } from "./file-names.ts";
import type { PlanTarget } from "./plan.ts";

/** What the user wants of the repository. */
export interface RemoteWish {
	readonly create?: boolean | undefined;
	readonly public?: boolean | undefined;
	readonly private?: boolean | undefined;
	readonly pr?: boolean | undefined;
	readonly push?: boolean | undefined;
	readonly branch?: string | undefined;
}

/** The repository as it is now, and what will become of it. */
export interface Remote {
	readonly visibility: "private" | "public";
	/** Undefined if the repository is to be made. */
	readonly head: string | undefined;
	readonly target: PlanTarget;
	readonly files: readonly HubFile[];
	/** Its model card. */
	readonly card: Buffer | undefined;
}

/** Made by the Hub in every repository. */
const ATTRIBUTES = ".gitattributes";
const DEFAULT_BRANCH = "main";

/**
 * Looks at the repository; sends nothing that changes it.
 *
 * @throws {ClipSoupError} ERR_HUB_NOT_FOUND without `create`, ERR_VISIBILITY if it is private or public against the wish
 */
export async function readRemote(connection: Connection, wish: RemoteWish): Promise<Remote> {
	const info = await repositoryInfo(connection);
	if (info === undefined) return newRemote(connection, wish);
	refuseVisibility(connection.id, info.isPrivate, wish);
	const refs = await readRefs(connection);
	const base = { id: connection.id, commit: baseOf(refs, wish) ?? info.head };
	const files = await listFiles(connection.http, connection.endpoint, base);
	return {
		visibility: info.isPrivate ? "private" : "public",
		head: base.commit,
		target: targetOf(refs, files, wish),
		files,
		card: await readCard(connection, base.commit, files),
	};
}

function newRemote({ id, token }: Connection, wish: RemoteWish): Remote {
	if (wish.create !== true) {
		throw new ClipSoupError("ERR_HUB_NOT_FOUND", `Cannot publish to "hf:${id}": found no such repository`, {
			fix: `check the name${token === undefined ? " and the token" : ""}, or add --create`,
			details: { repo: id },
		});
	}
	return {
		visibility: wish.public === true ? "public" : "private",
		head: undefined,
		target: {
			kind: "branch",
			name: wish.branch ?? DEFAULT_BRANCH,
			isNew: (wish.branch ?? DEFAULT_BRANCH) !== DEFAULT_BRANCH,
		},
		files: [],
		card: undefined,
	};
}

/** A branch that is there already is what its files are compared with. */
function baseOf({ branches }: Refs, { branch }: RemoteWish): string | undefined {
	return branches.get(branch ?? DEFAULT_BRANCH);
}

function targetOf({ branches }: Refs, files: readonly HubFile[], { branch, push, pr }: RemoteWish): PlanTarget {
	if (branch !== undefined) return { kind: "branch", name: branch, isNew: !branches.has(branch) };
	// In an empty repository there is nothing that a review would protect.
	const isEmpty = files.every(({ path }) => path === ATTRIBUTES);
	const goesDirect = push === true || (isEmpty && pr !== true);
	return goesDirect ? { kind: "branch", name: DEFAULT_BRANCH, isNew: false } : { kind: "pull-request" };
}

/** The visibility of a repository is its owner's: it is never changed, and never passed over. */
function refuseVisibility(id: string, isPrivate: boolean, wish: RemoteWish): void {
	const [found, asked] = isPrivate ? ["private", wish.public] : ["public", wish.private];
	if (asked !== true) return;
	const expected = isPrivate ? "public" : "private";
	throw new ClipSoupError("ERR_VISIBILITY", `Cannot publish to "hf:${id}": found it ${found}, expected ${expected}`, {
		fix: `change it in the settings of the repository, or leave --${expected} out`,
		details: { repo: id, visibility: found },
	});
}

async function readCard(
	{ http, endpoint, id }: Connection,
	commit: string,
	files: readonly HubFile[],
): Promise<Buffer | undefined> {
	if (!files.some(({ path }) => path === CARD_NAME)) return undefined;
	const attempt = { verb: "read", object: `hf:${id}:${CARD_NAME}` };
	const { bytes } = await http.bytes({ url: resolveUrl(endpoint, { id, commit }, CARD_NAME), attempt });
	return bytes;
}
