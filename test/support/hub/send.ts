import type { ServerResponse } from "node:http";
import type { Effect } from "./faults.ts";
import { byteLengthOf, type Reply, type ReplyBody } from "./reply.ts";

const PIECE_BYTE_LENGTH = 2 ** 18;

/** Sends an answer, with what a fault does to its body, and tells how many bytes of body went out. */
export async function send(
	response: ServerResponse,
	{ status, headers, body = Buffer.alloc(0) }: Reply,
	{ effect, isHead }: { readonly effect: Effect | undefined; readonly isHead: boolean },
): Promise<number> {
	const total = byteLengthOf(body);
	const cut = effect?.kind === "truncate" || effect?.kind === "shorten" ? Math.floor(total / 2) : total;
	const told = effect?.kind === "shorten" ? cut : total;
	const isUntold = effect?.kind === "break-end" || effect?.kind === "lengthen";
	response.writeHead(status, { ...headers, ...(!isUntold && { "content-length": String(told) }) });
	if (isHead) {
		response.end();
		return 0;
	}
	let sent = 0;
	for await (const piece of piecesOf(body, cut)) {
		if (response.destroyed) return sent;
		if (effect?.kind === "corrupt" && sent === 0) flip(piece, Math.floor(piece.length / 2));
		sent += piece.length;
		if (!response.write(piece)) await drained(response);
	}
	if (effect?.kind === "lengthen") response.end("x");
	else if (effect?.kind === "break-end") setTimeout(() => response.destroy(), 20);
	else if (effect?.kind !== "truncate") response.end();
	else if (effect.after === "reset") setImmediate(() => response.destroy());
	return sent;
}

async function* piecesOf(body: ReplyBody, length: number): AsyncGenerator<Buffer> {
	if (!("content" in body)) {
		if (length > 0) yield Buffer.from(body.subarray(0, length));
		return;
	}
	for (let done = 0; done < length; done += PIECE_BYTE_LENGTH) {
		yield await body.content.read(body.begin + done, body.begin + Math.min(length, done + PIECE_BYTE_LENGTH));
	}
}

/** Turns one letter or byte into another that is as good a letter: only a digest tells. */
function flip(bytes: Buffer, at: number): void {
	bytes[at] = (bytes[at] ?? 0) ^ 1;
}

function drained(response: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			response.off("drain", done).off("close", done);
			resolve();
		};
		response.on("drain", done).on("close", done);
	});
}
