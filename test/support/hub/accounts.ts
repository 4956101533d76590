import { type Reply, reject } from "./reply.ts";
import type { TestRepository } from "./repository.ts";

/** A token and what it allows. */
export interface Account {
	readonly name: string;
	readonly role: "read" | "write" | "fineGrained";
	/** Namespaces of which it sees private repositories, its own among them. */
	readonly namespaces: readonly string[];
	/** Of an OIDC token: the only repository it may write to. */
	readonly resource?: string;
}

/** Tokens that every double knows. `ann` owns the namespace `org`. */
export const WRITER = "hf_writerwriterwriterwriterwriterwrite";
export const READER = "hf_readerreaderreaderreaderreaderreade";
export const STRANGER = "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";

export function knownAccounts(): Map<string, Account> {
	return new Map<string, Account>([
		[WRITER, { name: "ann", role: "write", namespaces: ["ann", "org"] }],
		[READER, { name: "ann", role: "read", namespaces: ["ann", "org"] }],
		[STRANGER, { name: "bob", role: "write", namespaces: ["bob"] }],
	]);
}

/** Who sent a request: an account, nobody, or the answer to a token that is none. */
export function identify(accounts: ReadonlyMap<string, Account>, authorization: string | undefined) {
	if (authorization === undefined) return { account: undefined };
	const account = accounts.get(authorization.replace(/^Bearer /, ""));
	// Clients take exactly this text for a bad token, and any other 401 for a repository that is not to be seen.
	return account === undefined ? { refusal: reject(401, "Invalid credentials in Authorization header") } : { account };
}

/** The answer to one who may not see the repository, or undefined. */
export function refuseReading(repository: TestRepository | undefined, account: Account | undefined): Reply | undefined {
	const isSeen =
		repository !== undefined &&
		(!repository.isPrivate || account?.namespaces.includes(repository.id.split("/")[0] ?? "") === true);
	if (isSeen) return undefined;
	// Without a token the Hub does not tell a repository that is private from one that is not there.
	return account === undefined
		? reject(401, "Invalid username or password.", "RepoNotFound")
		: reject(404, "Repository not found", "RepoNotFound");
}

/** The answer to one who has not been let into a gated repository, or undefined. */
export function refuseGated(repository: TestRepository, account: Account | undefined): Reply | undefined {
	if (repository.gated === false || account?.namespaces.includes(repository.id.split("/")[0] ?? "")) return undefined;
	const status = account === undefined ? 401 : 403;
	return reject(status, `Access to model ${repository.id} is restricted.`, "GatedRepo");
}

export function refuseWriting(id: string, account: Account | undefined): Reply | undefined {
	if (account === undefined) return reject(401, "Invalid username or password.");
	const [namespace = ""] = id.split("/");
	const mayWrite = account.role !== "read" && account.namespaces.includes(namespace);
	if (mayWrite && (account.resource === undefined || account.resource === id)) return undefined;
	return reject(403, `You don't have the required permissions to perform this action on ${id}`);
}
