import { stat } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { readSmallFile } from "../bytes/small-file.ts";
import { ClipSoupError } from "../errors.ts";
import { type Environment, expandPath, hubPlaces, isTrue } from "./endpoint.ts";

/** Permissions of anyone but the owner to read. */
const READABLE_BY_OTHERS = 0o044;
const PRINTABLE = /^[!-~]+$/;

/** A token that cannot be printed by accident: only its source can. */
export class HubToken {
	/** Where it comes from: a variable's name or a file's path. */
	readonly source: string;
	readonly #value: string;

	constructor(value: string, source: string) {
		this.#value = value;
		this.source = source;
	}

	/** The secret itself, for a request header. */
	reveal(): string {
		return this.#value;
	}

	toString(): string {
		return `token from ${this.source}`;
	}

	toJSON(): string {
		return this.toString();
	}

	[inspect.custom](): string {
		return this.toString();
	}
}

/** A token, if there is one, and what the user should know of how it is kept. */
export interface FoundToken {
	readonly token: HubToken | undefined;
	readonly notices: readonly string[];
}

/**
 * Finds the token for reading in huggingface_hub's order: HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file at HF_TOKEN_PATH or
 * else `token` in the Hub's home folder. HF_HUB_DISABLE_IMPLICIT_TOKEN leaves all of them out.
 *
 * @throws {ClipSoupError} ERR_USAGE if what is found cannot be a token; the message does not hold it
 */
export async function findToken(environment: Environment): Promise<FoundToken> {
	if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return { token: undefined, notices: [] };
	for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
		const token = tokenOf(environment[name], name);
		if (token !== undefined) return { token, notices: [] };
	}
	const path = expandPath(environment.HF_TOKEN_PATH || join(hubPlaces(environment).home, "token"), environment);
	const bytes = await readSmallFile(path);
	const token = tokenOf(bytes?.toString("utf8"), path);
	return { token, notices: token === undefined ? [] : await permissionNotices(path) };
}

/** A token that was given. @throws {ClipSoupError} ERR_USAGE if it cannot be one; the message does not hold it */
export function tokenFromText(text: string, source: string): HubToken {
	const token = tokenOf(text, source);
	if (token !== undefined) return token;
	throw new ClipSoupError("ERR_USAGE", `Cannot use the token from ${source}: found nothing`, {
		fix: "create a token with write permission in the settings of your account",
		details: { source },
	});
}

/** The token in a file. @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, and as `tokenFromText` */
export async function readTokenFile(path: string): Promise<FoundToken> {
	const bytes = await readSmallFile(path);
	if (bytes !== undefined) {
		return { token: tokenFromText(bytes.toString("utf8"), path), notices: await permissionNotices(path) };
	}
	throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot open the token file "${path}": found no such file`, {
		fix: "check the path",
		details: { path },
	});
}

function tokenOf(text: string | undefined, source: string): HubToken | undefined {
	const value = text?.replace(/[\r\n]/g, "").trim();
	if (value === undefined || value === "") return undefined;
	if (PRINTABLE.test(value)) return new HubToken(value, source);
	throw new ClipSoupError("ERR_USAGE", `Cannot use the token from ${source}: found characters that no token has`, {
		fix: "copy it again from the settings of your account",
		details: { source },
	});
}

async function permissionNotices(path: string): Promise<string[]> {
	// Windows has no such bits and reports all as set.
	if (process.platform === "win32") return [];
	const { mode } = await stat(path);
	return (mode & READABLE_BY_OTHERS) === 0 ? [] : [`other users can read your token: chmod 600 ${path}`];
}
