import type { CommitOperation } from "@huggingface/hub";
import * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { isUnreadableBody, unavailable } from "./failure.ts";
import { ExpiredUrl, type HubRequest, readBody } from "./http.ts";
import { redact } from "./redact.ts";
import { TransientFailure } from "./retry.ts";

/** What a commit holds. */
export interface CommitContent {
	/** Files that are new or other ones: contents are read when they are sent. */
	readonly files: readonly { readonly path: string; readonly content: Blob }[];
	/** Paths of files that it removes. */
	readonly removed: readonly string[];
}

export interface CommitText {
	readonly title: string;
	readonly description: string;
}

/** What goes out, and a look at it before it does. */
export interface UploadEvents {
	/** Called with the bytes that storage has been sent, which go back if a part has to be sent again. */
	readonly onSent?: ((byteLength: number) => void) | undefined;
	/** Called with the lines of a commit before they are sent; what it throws keeps them from being sent. */
	readonly onCommit?: (lines: readonly unknown[]) => void;
}

/**
 * Sends the contents of large files to storage and commits nothing. What storage holds already is not sent again.
 *
 * @throws {ClipSoupError} ERR_HUB_AUTH, ERR_HUB_FORBIDDEN, ERR_HUB_REJECTED … at once, ERR_HUB_UNAVAILABLE when no try
 *   is left, ERR_INPUT_CHANGED if a file changed since it was opened
 */
export async function uploadContents(connection: Connection, content: CommitContent, events: UploadEvents) {
	await connection.http
		.again(
			async () => {
				// The generator tells that it is going to commit before it does.
				for await (const event of await iterate(
					connection,
					{ content, branch: "main", parent: undefined, text: UNUSED },
					events,
				)) {
					if (event.event === "phase" && event.phase === "committing") return;
				}
			},
			(error) => error instanceof ExpiredUrl,
		)
		.catch((error: unknown) => {
			throw error instanceof ExpiredUrl ? error.failure : translated(error);
		});
}

/** What the library throws by itself, in our words: of a file that changed since it was opened, of an answer it refuses. */
function translated(error: unknown): unknown {
	if (isUnreadableBody(error)) {
		const message = "Cannot publish: found that a file changed while it was read, expected the bytes that were checked";
		const fix = "run again when nothing writes to the folder";
		return new ClipSoupError("ERR_INPUT_CHANGED", message, { fix, cause: error });
	}
	// HubApiError: storage refuses one object of several, in an answer that is a success as a whole.
	if (error instanceof Error && "statusCode" in error) {
		const message = `Cannot publish: found that the Hub refuses a file (${redact(error.message)})`;
		return new ClipSoupError("ERR_HUB_REJECTED", message, { fix: "see what the Hub says" });
	}
	return error;
}

const UNUSED: CommitText = { title: "nothing is committed", description: "" };

export interface CommitRequest {
	readonly content: CommitContent;
	/** Branch, or `refs/pr/N`. */
	readonly branch: string;
	/** The commit that has to be its head. */
	readonly parent: string | undefined;
	readonly text: CommitText;
}

/**
 * Commits what was uploaded, with one request that is not sent twice.
 *
 * @returns the commit's 40 hex digits
 * @throws {ClipSoupError} ERR_HUB_CONFLICT if the branch moved, ERR_HUB_UNAVAILABLE if it is not known whether it took effect
 */
export async function sendCommit(
	connection: Connection,
	request: CommitRequest,
	events: UploadEvents,
): Promise<string> {
	const progress = await iterate(connection, request, events);
	for (;;) {
		const { done, value } = await progress.next().catch((error: unknown) => {
			throw translated(error);
		});
		if (done) return value?.commit.oid ?? "";
	}
}

async function iterate(connection: Connection, { content, branch, parent, text }: CommitRequest, events: UploadEvents) {
	const operations: CommitOperation[] = [
		...content.files.map((file) => ({ operation: "addOrUpdate" as const, ...file })),
		...content.removed.map((path) => ({ operation: "delete" as const, path })),
	];
	const { id, endpoint, signal } = connection;
	// Loaded here: most commands do without it.
	const { commitIter } = await import("@huggingface/hub");
	return commitIter({
		...text,
		repo: { type: "model", name: id },
		operations,
		branch,
		...(parent !== undefined && { parentCommit: parent }),
		hubUrl: endpoint,
		// Plain LFS: identities are SHA-256, and what Xet saves, equal parts of files, averaged weights have not.
		useXet: false,
		fetch: fetchThrough(connection, events),
		...(signal && { abortSignal: signal }),
	});
}

/**
 * `fetch` as the library calls it, over our own HTTP: with retries, without clones of bodies, and with a token that the
 * library never sees. A refusal is thrown as our error before the library words its own, with URLs that are secrets.
 */
function fetchThrough({ http, endpoint, id }: Connection, { onSent = () => {}, onCommit }: UploadEvents): typeof fetch {
	return async (input, init = {}) => {
		const url = input instanceof Request ? input.url : String(input);
		const body = bodyOf(init.body);
		const isCommit = url.startsWith(`${endpoint}/api/models/${id}/commit/`);
		if (isCommit && typeof body === "string") onCommit?.(body.split("\n").map((line): unknown => JSON.parse(line)));
		const headers = new Headers(init.headers);
		headers.delete("authorization");
		const request = {
			url,
			attempt: { verb: isCommit ? "commit to" : "upload to", object: `hf:${id}` },
			method: init.method === "PUT" ? "PUT" : "POST",
			headers: Object.fromEntries(headers),
			body,
			isSlow: isCommit || isCompletion(url, endpoint, body),
		} as const;
		let sent = 0;
		return http.exchange(
			() => {
				onSent(-sent);
				sent = 0;
				return {
					...request,
					onSent: (byteLength: number) => {
						sent += byteLength;
						onSent(byteLength);
					},
				};
			},
			async (answer) => {
				const bytes = new Uint8Array(await readBody(answer.body));
				requireForm(request, endpoint, bytes);
				return new Response(bytes, { status: answer.status, headers: answer.headers });
			},
			{ isOnce: isCommit },
		);
	};
}

const link = z.object({ href: z.string().refine((href) => URL.canParse(href)) });

/** What the library takes for granted of the Hub's answers, by a part of the URL. */
const ANSWERS: readonly Answer[] = [
	{
		part: "/preupload/",
		schema: z.object({
			files: z.array(z.object({ path: z.string(), uploadMode: z.enum(["lfs", "regular"]) })),
		}),
		namesIn: namesIn("files", "path"),
	},
	{
		part: "/info/lfs/objects/batch",
		schema: z.object({
			objects: z.array(
				z.object({ oid: z.string(), actions: z.object({ upload: link.nullish(), verify: link.nullish() }).nullish() }),
			),
		}),
		namesIn: namesIn("objects", "oid"),
	},
	{ part: "/commit/", schema: z.object({ commitOid: z.string() }), namesIn: () => [] },
];

interface Answer {
	readonly part: string;
	readonly schema: z.ZodType;
	/** What a request asks about, and what an answer is about: of what is left out the library would think by itself. */
	readonly namesIn: (document: unknown) => readonly string[];
}

function namesIn(list: string, key: string): Answer["namesIn"] {
	const schema = z.object({ [list]: z.array(z.object({ [key]: z.string() })) });
	return (document) => (schema.safeParse(document).data?.[list] ?? []).map((entry) => entry[key] ?? "");
}

/** An answer of another form, as of a proxy on the way, is as good as none. @throws TransientFailure */
function requireForm({ url, attempt, body }: HubRequest, endpoint: string, bytes: Uint8Array): void {
	const answer = ANSWERS.find(({ part }) => url.startsWith(`${endpoint}/`) && url.includes(part));
	if (answer === undefined) return;
	const told = parsedJson(bytes);
	const names = new Set(answer.namesIn(told));
	const asked = typeof body === "string" ? answer.namesIn(parsedJson(Buffer.from(body))) : [];
	if (answer.schema.safeParse(told).success && asked.every((name) => names.has(name))) return;
	throw new TransientFailure(unavailable(attempt, "a success with an answer of another form", url));
}

function parsedJson(bytes: Uint8Array): unknown {
	try {
		return JSON.parse(Buffer.from(bytes).toString("utf8"));
	} catch {
		return undefined;
	}
}

/** The request that joins the parts of a file. */
function isCompletion(url: string, endpoint: string, body: string | Blob): boolean {
	return typeof body === "string" && !url.startsWith(`${endpoint}/`);
}

function bodyOf(body: unknown): string | Blob {
	if (typeof body === "string" || body instanceof Blob) return body;
	throw new Error("The library sent a body that is neither text nor a Blob");
}
