import type { ClipSoupError } from "../errors.ts";
import {
	type Attempt,
	isCertificateError,
	isUnreadableBody,
	networkError,
	offlineError,
	refusalError,
	unavailable,
} from "./failure.ts";
import { Limiter } from "./limiter.ts";
import {
	askedDelay,
	DEFAULT_RETRIES,
	delayBefore,
	isTransientStatus,
	type RetryPolicy,
	TransientFailure,
} from "./retry.ts";
import type { WireAnswer } from "./wire.ts";

export interface HubRequest {
	readonly url: string;
	/** What it is for, as messages say it. */
	readonly attempt: Attempt;
	readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string | Blob;
	/** Called with the byte length of each piece of a Blob that goes out. */
	readonly onSent?: (byteLength: number) => void;
	/** Whether the answer takes as long as a commit of large files does. */
	readonly isSlow?: boolean;
}

/** A successful answer whose body is still to come. */
export interface HubAnswer {
	readonly status: number;
	readonly headers: Headers;
	/** Headers of the Hub's own answer, where it only pointed to storage. */
	readonly redirectHeaders: Headers | undefined;
	/** Where it came from in the end. */
	readonly url: string;
	/**
	 * The body, piece by piece, each empty once the next one is asked for. What breaks it is tried again, so it is read
	 * inside `exchange` only.
	 */
	readonly body: AsyncIterable<Uint8Array>;
}

export interface HttpOptions {
	/** Stops every request and every wait. */
	readonly signal?: AbortSignal | undefined;
	readonly retry?: Partial<RetryPolicy>;
	/** Without a byte for so long a connection counts as broken. Default 30 s. */
	readonly idleTimeoutMs?: number;
	/** The same for answers that take long. Default 120 s: the Hub's own gateway gives up a commit after 60 s. */
	readonly slowTimeoutMs?: number;
}

/** What a client needs to know before its first request. */
export interface HttpIdentity {
	readonly endpoint: string;
	readonly isOffline: boolean;
	/** Value of the Authorization header, for the endpoint only. */
	readonly authorization: () => Promise<string | undefined>;
}

/** How often a request may have got on before it fails for good, and how far that is. */
export interface ExchangeOptions {
	/** Grows with what was received; a failure after growth starts the count of tries anew. */
	readonly progress?: () => number;
	/** Stops this exchange, in place of the signal of all. */
	readonly signal?: AbortSignal | undefined;
	/** Whether the request must not be sent again unless the Hub said that it did nothing (429). */
	readonly isOnce?: boolean;
}

const IDLE_TIMEOUT_MS = 30_000;
const SLOW_TIMEOUT_MS = 120_000;
const MOST_REDIRECTS = 5;
/** Requests under way at a time: enough to hide the latency of each, few enough for a polite client. */
const MOST_IN_FLIGHT = 6;
const MOST_ERROR_BYTES = 2 ** 16;
const TOO_MANY_REQUESTS = 429;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * HTTP as the Hub wants it: tries again what may pass, follows redirects itself, and shows the token to the endpoint only.
 */
export class HubHttp {
	readonly #identity: HttpIdentity;
	readonly #retry: RetryPolicy;
	readonly #idleTimeoutMs: number;
	readonly #slowTimeoutMs: number;
	readonly #signal: AbortSignal | undefined;
	readonly #limiter = new Limiter(MOST_IN_FLIGHT);

	constructor(identity: HttpIdentity, options: HttpOptions = {}) {
		const { signal, retry, idleTimeoutMs = IDLE_TIMEOUT_MS, slowTimeoutMs = SLOW_TIMEOUT_MS } = options;
		this.#identity = identity;
		this.#retry = { ...DEFAULT_RETRIES, ...retry };
		this.#idleTimeoutMs = idleTimeoutMs;
		this.#slowTimeoutMs = slowTimeoutMs;
		this.#signal = signal;
	}

	/**
	 * Sends a request and gives the answer to `consume`; a failure of either that may pass is tried again.
	 *
	 * @param request made anew for each try, with its number from 1
	 * @throws {ClipSoupError} ERR_HUB_AUTH, ERR_HUB_FORBIDDEN, ERR_HUB_NOT_FOUND, ERR_HUB_CONFLICT and ERR_HUB_REJECTED at
	 *   once, ERR_HUB_UNAVAILABLE when no try is left; the signal's reason when aborted
	 */
	async exchange<T>(
		request: (number: number) => HubRequest,
		consume: (answer: HubAnswer) => Promise<T>,
		{ progress = () => 0, signal = this.#signal, isOnce = false }: ExchangeOptions = {},
	): Promise<T> {
		let failures = 0;
		for (let number = 1; ; number++) {
			signal?.throwIfAborted();
			const before = progress();
			try {
				return await this.#limiter.run(() => this.#send(request(number), consume, signal));
			} catch (error) {
				signal?.throwIfAborted();
				if (!(error instanceof TransientFailure)) throw error;
				failures = progress() > before ? 1 : failures + 1;
				if (failures > this.#retry.retries) throw error.failure;
				if (isOnce && error.failure.details.status !== TOO_MANY_REQUESTS) throw error.failure;
				await this.#pause(delayBefore(failures, this.#retry, error.askedDelayMs), signal);
			}
		}
	}

	/**
	 * Does again, after a pause, what is made of several exchanges and may be tried as a whole.
	 *
	 * @param mayPass whether another try may not meet that error; asked as long as a try is left
	 */
	async again<T>(task: (number: number) => Promise<T>, mayPass: (error: unknown) => boolean): Promise<T> {
		for (let number = 1; ; number++) {
			try {
				return await task(number);
			} catch (error) {
				this.#signal?.throwIfAborted();
				if (number > this.#retry.retries || !mayPass(error)) throw error;
				await this.#pause(delayBefore(number, this.#retry), this.#signal);
			}
		}
	}

	async #pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
		await this.#retry.sleep(delayMs, signal).catch((reason: unknown) => {
			signal?.throwIfAborted();
			throw reason;
		});
	}

	/**
	 * The whole body of an answer.
	 *
	 * @param check says what is wrong with it, which is tried again
	 * @throws {ClipSoupError} as `exchange`, and what `check` still finds when no try is left
	 */
	bytes(
		request: HubRequest,
		check: (bytes: Buffer) => ClipSoupError | undefined = () => undefined,
		options: ExchangeOptions = {},
	): Promise<{ readonly bytes: Buffer; readonly headers: Headers }> {
		return this.exchange(
			() => request,
			async ({ body, headers }) => {
				const bytes = await readBody(body);
				const failure = check(bytes);
				if (failure) throw new TransientFailure(failure);
				return { bytes, headers };
			},
			options,
		);
	}

	/** The JSON of an answer. @throws {ClipSoupError} as `exchange`, ERR_HUB_UNAVAILABLE if it is none */
	async json(
		request: HubRequest,
		options: ExchangeOptions = {},
	): Promise<{ readonly value: unknown; readonly headers: Headers }> {
		let value: unknown;
		const check = (bytes: Buffer) => {
			try {
				value = JSON.parse(bytes.toString("utf8"));
				return undefined;
			} catch {
				return unavailable(request.attempt, "an answer that is no JSON", request.url);
			}
		};
		const { headers } = await this.bytes(request, check, options);
		return { value, headers };
	}

	async #send<T>(
		request: HubRequest,
		consume: (answer: HubAnswer) => Promise<T>,
		signal: AbortSignal | undefined,
	): Promise<T> {
		if (this.#identity.isOffline) throw offlineError(request.attempt);
		const idle = new IdleTimer(request.isSlow ? this.#slowTimeoutMs : this.#idleTimeoutMs, signal);
		try {
			const { answer, url, redirectHeaders } = await this.#follow(request, idle);
			const body = watchedBody(answer, idle, request.attempt, url);
			const { status, headers } = answer;
			if (status < 200 || status > 299) throw await this.#refusal(request, { status, headers, url, body });
			return await consume({ status, headers, redirectHeaders, url, body });
		} finally {
			idle.stop();
		}
	}

	/** Sends the request and those that its redirects lead to. */
	async #follow(request: HubRequest, idle: IdleTimer) {
		const { method = "GET", attempt, body } = request;
		const isRead = isReading(request);
		const onSent = (byteLength: number) => {
			idle.touch();
			request.onSent?.(byteLength);
		};
		let url = request.url;
		let redirectHeaders: Headers | undefined;
		for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
			const isOwn = this.#isEndpoint(url);
			const authorization = isOwn ? await this.#identity.authorization() : undefined;
			const headers = { ...request.headers, ...(authorization !== undefined && { authorization }) };
			const { signal } = idle;
			// Loaded here, with Node's HTTP: most commands do without.
			const { sendOverWire } = await import("./wire.ts");
			const answer = await sendOverWire({ url, method, headers, body, onSent, signal }).catch((cause: unknown) => {
				if (isUnreadableBody(cause)) throw cause;
				const failure = networkError(attempt, url, idle.hasExpired ? idle.reason : cause);
				throw isCertificateError(cause) ? failure : new TransientFailure(failure);
			});
			idle.touch();
			const location = REDIRECTS.has(answer.status) ? answer.headers.get("location") : null;
			if (location === null) return { answer, url, redirectHeaders };
			answer.discard();
			const next = httpUrl(location, url);
			if (next === undefined) throw unavailable(attempt, "a redirect to what is no http URL", url);
			if (!isRead && !(answer.status >= 307 && isOwn && this.#isEndpoint(next))) {
				throw unavailable(attempt, `a redirect of a ${method} to ${new URL(next).host}`, url);
			}
			redirectHeaders = answer.headers;
			url = next;
		}
		throw unavailable(attempt, `more than ${MOST_REDIRECTS} redirects`, url);
	}

	/** What an answer that is no success comes to. */
	async #refusal(request: HubRequest, answer: Omit<HubAnswer, "redirectHeaders">): Promise<Error> {
		const { status, headers, url, body } = answer;
		const failure = refusalError(request.attempt, { status, headers, url, text: await startOf(body) });
		if (this.#isEndpoint(url)) {
			return isTransientStatus(status) ? new TransientFailure(failure, askedDelay(status, headers)) : failure;
		}
		if (!isReading(request) && !isTransientStatus(status)) {
			return status === 403
				? new ExpiredUrl(unavailable(request.attempt, `status ${status} from storage`, url))
				: failure;
		}
		// Storage knows no accounts: what it refuses is a URL that has expired, which one that was kept from before probably
		// has, or its own trouble, which it may tell how long to wait for.
		const wait = request.url === url && !isTransientStatus(status) ? 0 : askedDelay(status, headers);
		return new TransientFailure(unavailable(request.attempt, `status ${status} from storage`, url), wait);
	}

	#isEndpoint(url: string): boolean {
		return new URL(url).origin === new URL(this.#identity.endpoint).origin;
	}
}

/** Storage took no upload at a presigned URL, which has probably expired: the Hub gives a new one. */
export class ExpiredUrl extends Error {
	override readonly name = "ExpiredUrl";
	/** What is thrown when no new URL helps. */
	readonly failure: ClipSoupError;

	constructor(failure: ClipSoupError) {
		super(failure.message, { cause: failure });
		this.failure = failure;
	}
}

function isReading({ method = "GET" }: HubRequest): boolean {
	return method === "GET" || method === "HEAD";
}

/** Where a redirect leads; undefined if that is no place for a request. */
function httpUrl(location: string, base: string): string | undefined {
	if (!URL.canParse(location, base)) return undefined;
	const { href, protocol } = new URL(location, base);
	return protocol === "https:" || protocol === "http:" ? href : undefined;
}

/** Breaks a connection on which nothing has come for a while, or when `signal` says so. */
class IdleTimer {
	readonly reason = new Error("no answer in time");
	readonly #controller = new AbortController();
	readonly #timer: NodeJS.Timeout;
	readonly #outer: AbortSignal | undefined;
	readonly #abort = () => this.#controller.abort();

	constructor(timeoutMs: number, signal: AbortSignal | undefined) {
		this.#timer = setTimeout(() => this.#controller.abort(this.reason), timeoutMs);
		// Not `AbortSignal.any`: it would keep one signal for each of thousands of requests until the run ends.
		this.#outer = signal;
		this.#outer?.addEventListener("abort", this.#abort, { once: true });
	}

	get signal(): AbortSignal {
		return this.#controller.signal;
	}

	get hasExpired(): boolean {
		return this.signal.reason === this.reason;
	}

	touch(): void {
		this.#timer.refresh();
	}

	/** Ends the exchange, and the connection where not all of the body was read. */
	stop(): void {
		clearTimeout(this.#timer);
		this.#outer?.removeEventListener("abort", this.#abort);
		this.#abort();
	}
}

/** A body whose pieces show that the connection is alive, and whose end before its time may be tried again. */
async function* watchedBody(
	{ body }: WireAnswer,
	idle: IdleTimer,
	attempt: Attempt,
	url: string,
): AsyncGenerator<Uint8Array, void, undefined> {
	try {
		for await (const piece of body) {
			idle.touch();
			yield piece;
		}
	} catch (cause) {
		throw new TransientFailure(networkError(attempt, url, idle.hasExpired ? idle.reason : cause));
	}
}

/** The whole of a body. */
export async function readBody(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
	const pieces: Uint8Array[] = [];
	for await (const piece of body) pieces.push(new Uint8Array(piece));
	return Buffer.concat(pieces);
}

/** A request with a JSON body. */
export function postJson(url: string, attempt: Attempt, value: unknown): HubRequest {
	return { method: "POST", url, attempt, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

async function startOf(body: AsyncIterable<Uint8Array>): Promise<string> {
	const pieces: Uint8Array[] = [];
	let length = 0;
	try {
		for await (const piece of body) {
			pieces.push(new Uint8Array(piece));
			length += piece.byteLength;
			if (length > MOST_ERROR_BYTES) break;
		}
	} catch {
		// The status tells enough.
	}
	return Buffer.concat(pieces).toString("utf8");
}
