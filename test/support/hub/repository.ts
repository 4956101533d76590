import { createHash } from "node:crypto";
import { type Content, contentOf, gitBlobSha1, pointerText } from "./content.ts";

/** A file of a commit, as git sees it. */
export interface TreeFile {
	readonly path: string;
	/** Git's own name: of an LFS file that of its pointer. */
	readonly oid: string;
	readonly content: Content;
	readonly isLfs: boolean;
}

export interface Commit {
	readonly id: string;
	readonly parent: string | undefined;
	readonly title: string;
	readonly message: string;
	readonly date: string;
	readonly tree: ReadonlyMap<string, TreeFile>;
}

export interface Discussion {
	readonly num: number;
	readonly title: string;
	readonly description: string;
	readonly isPullRequest: boolean;
	status: string;
	mergeCommitId: string | undefined;
}

/** What a commit does to a tree. */
export type Change =
	| { readonly kind: "put"; readonly path: string; readonly content: Content; readonly isLfs: boolean }
	| { readonly kind: "remove"; readonly path: string };

/** Files that the Hub stores in LFS whatever their size, by its default `.gitattributes`. */
const LFS_NAMES = /\.(safetensors|bin|pt|pth|onnx|model)$/;
/** Above it every file goes to LFS. */
const LFS_BYTE_LENGTH = 10 * 2 ** 20;

export function belongsToLfs(path: string, byteLength: number): boolean {
	return LFS_NAMES.test(path) || byteLength > LFS_BYTE_LENGTH;
}

/** A model repository: commits, refs, discussions, and who may see it. */
export class TestRepository {
	readonly id: string;
	readonly isPrivate: boolean;
	readonly gated: false | "auto" | "manual";
	readonly commits = new Map<string, Commit>();
	/** By full name: `refs/heads/main`, `refs/tags/v1`, `refs/pr/1`. */
	readonly refs = new Map<string, string>();
	readonly discussions: Discussion[] = [];

	constructor(id: string, options: { readonly isPrivate?: boolean; readonly gated?: false | "auto" | "manual" } = {}) {
		this.id = id;
		this.isPrivate = options.isPrivate ?? false;
		this.gated = options.gated ?? false;
		this.commit("refs/heads/main", "initial commit", "", []);
	}

	get head(): string {
		return this.refs.get("refs/heads/main") ?? "";
	}

	/** The commit that a revision names; undefined if there is none. */
	resolve(revision: string): Commit | undefined {
		const name = revision === "HEAD" ? "main" : revision;
		const candidates = [`refs/heads/${name}`, `refs/tags/${name}`, name];
		const sha = candidates.map((ref) => this.refs.get(ref)).find((found) => found !== undefined) ?? name;
		return this.commits.get(sha);
	}

	/** Full name of the branch or pull request that can be committed to. */
	branchOf(revision: string): string | undefined {
		const ref = revision.startsWith("refs/") ? revision : `refs/heads/${revision}`;
		return this.refs.has(ref) ? ref : undefined;
	}

	commit(ref: string, title: string, message: string, changes: readonly Change[]): Commit {
		const parent = this.refs.get(ref);
		const tree = new Map(parent === undefined ? [] : this.commits.get(parent)?.tree);
		for (const change of changes) {
			if (change.kind === "put") tree.set(change.path, treeFile(change.path, change.content, change.isLfs));
			else for (const path of [...tree.keys()]) if (isBelow(path, change.path)) tree.delete(path);
		}
		const text = JSON.stringify([
			ref,
			title,
			this.commits.size,
			[...tree.values()].map(({ path, oid }) => [path, oid]),
		]);
		const id = createHash("sha1").update(text).digest("hex");
		const commit = { id, parent, title, message, date: "2026-01-01T00:00:00.000Z", tree };
		this.commits.set(id, commit);
		this.refs.set(ref, id);
		return commit;
	}

	/** Commits files as they are to a branch, which a test uses in place of an upload. */
	add(files: Readonly<Record<string, Uint8Array | string | Content>>, ref = "refs/heads/main"): Commit {
		const changes = Object.entries(files).map(([path, given]): Change => {
			const content =
				typeof given === "string" ? contentOf(Buffer.from(given)) : "read" in given ? given : contentOf(given);
			return { kind: "put", path, content, isLfs: belongsToLfs(path, content.byteLength) };
		});
		return this.commit(ref, "Add files", "", changes);
	}
}

function isBelow(path: string, removed: string): boolean {
	return path === removed || path.startsWith(removed.endsWith("/") ? removed : `${removed}/`);
}

function treeFile(path: string, content: Content, isLfs: boolean): TreeFile {
	const oid = isLfs ? gitBlobSha1(Buffer.from(pointerText(content))) : content.gitOid;
	if (oid === undefined) throw new Error(`"${path}" is too large for a regular file`);
	return { path, content, isLfs, oid };
}
