import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ClipSoupError, systemCode } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { ByteSource } from "./byte-source.ts";
import { openLocalFile } from "./local-file.ts";
import { readSmallFile } from "./small-file.ts";

/** A folder that a checkpoint lies in: on this machine, or in a repository on the Hub. Names may step into folders by `/`. */
export interface Folder {
	/** What messages call it. */
	readonly name: string;
	/** Its path on this machine; undefined if it is elsewhere. */
	readonly path: string | undefined;
	/** The repository it is in, also where a cache holds its files; undefined if it is in none. */
	readonly origin: Origin | undefined;
	/** What messages call a file in it. */
	nameOf(name: string): string;
	/** Names of what is in it, folders included. @throws {ClipSoupError} ERR_INPUT_UNREADABLE */
	list(): Promise<string[]>;
	/** The folder of that name in it; undefined if there is none. */
	folder(name: string): Promise<Folder | undefined>;
	/** @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_HUB_NOT_FOUND, and why it cannot be read */
	open(name: string): Promise<ByteSource>;
	/** The bytes of a small file; undefined if there is none of that name. @throws {ClipSoupError} as `readSmallFile` */
	readSmall(name: string): Promise<Buffer | undefined>;
}

/** A folder on this machine. */
export class LocalFolder implements Folder {
	readonly name: string;
	readonly path: string;
	readonly origin = undefined;

	constructor(path: string) {
		this.name = path;
		this.path = path;
	}

	nameOf(name: string): string {
		return join(this.path, name);
	}

	async list(): Promise<string[]> {
		try {
			return await readdir(this.path);
		} catch (cause) {
			throw new ClipSoupError(
				"ERR_INPUT_UNREADABLE",
				`Cannot list "${this.path}": the system says ${systemCode(cause)}`,
				{
					fix: "check the folder's permissions",
					details: { folder: this.path },
					cause,
				},
			);
		}
	}

	async folder(name: string): Promise<Folder | undefined> {
		const path = join(this.path, name);
		const stats = await stat(path).catch(() => undefined);
		return stats?.isDirectory() ? new LocalFolder(path) : undefined;
	}

	open(name: string): Promise<ByteSource> {
		return openLocalFile(this.nameOf(name));
	}

	readSmall(name: string): Promise<Buffer | undefined> {
		return readSmallFile(this.nameOf(name));
	}
}
