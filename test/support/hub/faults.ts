import type { Reply } from "./reply.ts";

/** What goes wrong with one request. */
export type Effect =
	/** Answered with this instead; the route does not see the request. */
	| { readonly kind: "status"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
	/** The connection is reset before an answer. */
	| { readonly kind: "reset" }
	/** No answer ever comes; something may happen instead. */
	| { readonly kind: "silence"; readonly act?: () => void }
	/** The body stops half-way: the connection is reset, or stays open and silent. */
	| { readonly kind: "truncate"; readonly after: "reset" | "silence" }
	/** The whole body comes, without a length, and the connection is reset where the end would be told. */
	| { readonly kind: "break-end" }
	/** One byte more than the body has comes, without a length. */
	| { readonly kind: "lengthen" }
	/** The body ends half-way as if that were all, with a Content-Length to match. */
	| { readonly kind: "shorten" }
	/** One bit of the body is another. */
	| { readonly kind: "corrupt" }
	/** The whole file comes with 200 whatever range was asked for. */
	| { readonly kind: "ignore-range" }
	/** The answer tells another range than it was asked for. */
	| { readonly kind: "shift-range" }
	/** The request takes effect and the answer is a success with these words in its place. */
	| { readonly kind: "other-answer"; readonly body: string }
	/** The request takes effect and the answer is lost: 504. */
	| { readonly kind: "lose-answer" }
	/** Something happens just before the request is handled. */
	| { readonly kind: "meanwhile"; readonly act: () => void };

export interface Fault {
	/** Name of a route; `*` is any. */
	readonly route: string;
	readonly effect: Effect;
	/** The first matching request that it hits, from 1. Default 1. */
	readonly nth?: number;
	/** How many it hits from there on. Default 1. */
	readonly times?: number;
}

/** Faults that are to happen, each at its own count of the requests that match it. */
export class FaultTable {
	readonly #entries: { readonly fault: Fault; seen: number }[] = [];

	add(...faults: readonly Fault[]): void {
		this.#entries.push(...faults.map((fault) => ({ fault, seen: 0 })));
	}

	/** Counts the request; the effect of the first fault that is due. */
	take(route: string): Effect | undefined {
		let due: Effect | undefined;
		for (const entry of this.#entries) {
			const { nth = 1, times = 1, effect } = entry.fault;
			if (entry.fault.route !== route && entry.fault.route !== "*") continue;
			entry.seen++;
			if (entry.seen >= nth && entry.seen < nth + times) due ??= effect;
		}
		return due;
	}
}

/** The answer with what a fault does to its status and headers. */
export function distorted(reply: Reply, effect: Effect | undefined): Reply {
	if (effect?.kind === "other-answer") return { status: 200, body: Buffer.from(effect.body) };
	if (effect?.kind === "lose-answer") return { status: 504, body: Buffer.from("504 Gateway Time-out") };
	if (reply.status !== 206 || reply.body === undefined || !("content" in reply.body)) return reply;
	const { content, begin, end } = reply.body;
	const { "content-range": _, ...headers } = reply.headers ?? {};
	if (effect?.kind === "ignore-range")
		return { status: 200, headers, body: { content, begin: 0, end: content.byteLength } };
	if (effect?.kind === "shift-range") {
		return { ...reply, headers: { ...headers, "content-range": `bytes ${begin + 1}-${end}/${content.byteLength}` } };
	}
	return reply;
}
