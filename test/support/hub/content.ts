import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";

/** Bytes that the double holds: in memory, or in a file that is too large for it. */
export interface Content {
	readonly byteLength: number;
	/** SHA-256, lower-case hex: the name of an LFS object. */
	readonly sha256: string;
	/** Name of the git blob with these bytes; undefined of what is fit for LFS only. */
	readonly gitOid: string | undefined;
	/** Bytes `[begin, end)`. */
	read(begin: number, end: number): Promise<Buffer>;
}

export function contentOf(bytes: Uint8Array): Content {
	const held = Buffer.from(bytes);
	return {
		byteLength: held.length,
		sha256: createHash("sha256").update(held).digest("hex"),
		gitOid: gitBlobSha1(held),
		read: async (begin, end) => Buffer.from(held.subarray(begin, end)),
	};
}

/** The content of a local file, read when it is asked for. */
export async function contentOfFile(path: string): Promise<Content> {
	const hash = createHash("sha256");
	for await (const piece of createReadStream(path)) hash.update(piece);
	return {
		byteLength: (await stat(path)).size,
		sha256: hash.digest("hex"),
		gitOid: undefined,
		async read(begin, end) {
			await using file = await open(path);
			const bytes = Buffer.alloc(end - begin);
			await file.read(bytes, 0, bytes.length, begin);
			return bytes;
		},
	};
}

/** What git calls a file: `sha1("blob " + size + "\0" + bytes)`. */
export function gitBlobSha1(bytes: Uint8Array): string {
	return createHash("sha1").update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");
}

/** The text that git holds in place of an LFS object. */
export function pointerText({ sha256, byteLength }: Pick<Content, "sha256" | "byteLength">): string {
	return `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${byteLength}\n`;
}
