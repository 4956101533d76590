import { once } from "node:events";
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { OnReadOpts } from "node:net";
import { VERSION } from "../version.ts";

/** One request as it goes over a connection: no redirect is followed, nothing is tried again. */
export interface WireRequest {
	readonly url: string;
	readonly method: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string | Blob | undefined;
	/** Called with the byte length of each piece of a Blob that goes out. */
	readonly onSent: (byteLength: number) => void;
	/** Ends the exchange, and the connection where not all was sent and read. */
	readonly signal: AbortSignal;
}

/** The answer to it, whose body is still to come. */
export interface WireAnswer {
	readonly status: number;
	readonly headers: Headers;
	/** Each piece is empty once the next one is asked for: what is to be kept is copied. */
	readonly body: AsyncIterable<Uint8Array>;
	/** Lets a body go by that nobody wants. */
	readonly discard: () => void;
}

type Connect = HttpAgent["createConnection"];

class PlainAgent extends HttpAgent {
	override createConnection(...[options, done]: Parameters<Connect>): ReturnType<Connect> {
		return readingInPlace((onread) => super.createConnection({ ...options, ...onread }, done));
	}
}

class SecureAgent extends HttpsAgent {
	override createConnection(...[options, done]: Parameters<HttpsAgent["createConnection"]>): ReturnType<Connect> {
		return readingInPlace((onread) => super.createConnection({ ...options, ...onread }, done));
	}
}

const PLAIN = { open: httpRequest, agent: new PlainAgent({ keepAlive: true }) };
const SECURE = { open: httpsRequest, agent: new SecureAgent({ keepAlive: true }) };

/** Nothing is decoded here, and without the second any coding would be right. */
const OWN_HEADERS = { "user-agent": `clip-soup/${VERSION}`, "accept-encoding": "identity" };

/**
 * Sends a request by `node:http`, in memory that does not grow with the bodies.
 *
 * `fetch` holds a copy of every piece until V8 collects: of bodies of 1 GB it kept a library at 170–218 MB, and the whole
 * of a body that it sends if it may have to send it again (https://github.com/nodejs/undici/issues/4058).
 */
export function sendOverWire(request: WireRequest): Promise<WireAnswer> {
	const { url, method, headers, body, signal } = request;
	const { open, agent } = url.startsWith("https:") ? SECURE : PLAIN;
	const length = body instanceof Blob ? { "content-length": String(body.size) } : {};
	// Node's own agent knows the way through a proxy, from 24.5 on where it is told to.
	const way = process.env.NODE_USE_ENV_PROXY === "1" ? {} : { agent };
	const options = { method, ...way, signal, headers: { ...OWN_HEADERS, ...headers, ...length } };
	return new Promise((resolve, reject) => {
		const outgoing = open(url, options, (incoming) => {
			const { statusCode: status = 0 } = incoming;
			resolve({
				status,
				headers: headersOf(incoming),
				body: piecesOf(incoming),
				discard: () => incoming.resume(),
			});
		});
		outgoing.on("error", reject);
		if (!(body instanceof Blob)) outgoing.end(body);
		else sendBlob(body, outgoing, request).catch((error: unknown) => outgoing.destroy(asError(error)));
	});
}

/** Bytes of one read from a socket, as Node has it. */
const READ_BYTE_LENGTH = 2 ** 16;

/** A connection that reads into the same memory again and again: Node's parser copies what it gives on as a body. */
function readingInPlace(
	connect: (options: { readonly onread: OnReadOpts }) => ReturnType<Connect>,
): ReturnType<Connect> {
	const callback = (byteLength: number, buffer: Uint8Array) => {
		socket?.emit("data", buffer.subarray(0, byteLength));
		return true;
	};
	const socket = connect({ onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTE_LENGTH), callback } });
	return socket;
}

async function sendBlob(body: Blob, outgoing: ClientRequest, { onSent, signal }: WireRequest): Promise<void> {
	for await (const piece of body.stream()) {
		if (!outgoing.write(piece)) await once(outgoing, "drain", { signal });
		onSent(piece.byteLength);
	}
	outgoing.end();
}

async function* piecesOf(incoming: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
	for await (const piece of incoming) {
		yield piece;
		free(piece);
	}
}

/** Gives the memory of a piece back at once, unless it shares it with others: V8 would at no fixed time. */
function free({ buffer, byteLength }: Uint8Array): void {
	if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer?.(0);
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
	const headers = new Headers();
	for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
	return headers;
}

function asError(error: unknown): Error {
	return error instanceof Error ? error : new Error(String(error), { cause: error });
}
