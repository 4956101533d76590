import type { Content } from "./content.ts";

/** What a route answers, before any fault. */
export interface Reply {
	readonly status: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: ReplyBody;
}

/** Bytes at hand, or a run of a content that is sent piece by piece. */
export type ReplyBody = Buffer | { readonly content: Content; readonly begin: number; readonly end: number };

export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
	const body = Buffer.from(JSON.stringify(value));
	return { status: 200, headers: { "content-type": "application/json; charset=utf-8", ...headers }, body };
}

/** A refusal as the Hub words it: JSON with `error`, and a code that clients look at. */
export function reject(
	status: number,
	error: string,
	code?: string,
	headers: Readonly<Record<string, string>> = {},
): Reply {
	const coded = code === undefined ? {} : { "x-error-code": code };
	return {
		...json({ error }),
		status,
		headers: { "content-type": "application/json", "x-error-message": error, ...coded, ...headers },
	};
}

export function byteLengthOf(body: ReplyBody): number {
	return "content" in body ? body.end - body.begin : body.length;
}

/** A content, whole or the range that was asked for. */
export function ranged(content: Content, range: string | undefined, headers: Readonly<Record<string, string>>): Reply {
	const whole = { content, begin: 0, end: content.byteLength };
	const shared = { ...headers, "accept-ranges": "bytes", "content-type": "application/octet-stream" };
	const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
	if (first === undefined) return { status: 200, headers: shared, body: whole };
	const begin = Number(first);
	const end = Math.min(last ? Number(last) + 1 : content.byteLength, content.byteLength);
	if (begin >= end) return { status: 416, headers: { "content-range": `bytes */${content.byteLength}` } };
	return {
		status: 206,
		headers: { ...shared, "content-range": `bytes ${begin}-${end - 1}/${content.byteLength}` },
		body: { content, begin, end },
	};
}
