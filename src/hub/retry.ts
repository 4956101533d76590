import { setTimeout } from "node:timers/promises";
import type { ClipSoupError } from "../errors.ts";

/** How failures that may pass are tried again. */
export interface RetryPolicy {
	/** Tries after the first one; those that got further do not count. */
	readonly retries: number;
	/** Delay before the first of them; each further one doubles it. */
	readonly firstDelayMs: number;
	readonly mostDelayMs: number;
	/** Waits; tests put their own in its place. */
	readonly sleep: (delayMs: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** About 15 seconds in all, which a restart of a server takes; the Hub's own client tries 5 times too. */
export const DEFAULT_RETRIES: RetryPolicy = {
	retries: 5,
	firstDelayMs: 500,
	mostDelayMs: 8000,
	sleep: async (delayMs, signal) => {
		await setTimeout(delayMs, undefined, signal && { signal });
	},
};

/** The longest that a server may make us wait: limits of the Hub are counted in windows of 5 minutes. */
const MOST_ASKED_DELAY_MS = 310_000;

/** A failure that another try may not meet. */
export class TransientFailure extends Error {
	override readonly name = "TransientFailure";
	/** What is thrown when no try is left. */
	readonly failure: ClipSoupError;
	/** Milliseconds after which the server wants to be asked again, if it said so. */
	readonly askedDelayMs: number | undefined;

	constructor(failure: ClipSoupError, askedDelayMs?: number) {
		super(failure.message, { cause: failure });
		this.failure = failure;
		this.askedDelayMs = askedDelayMs;
	}
}

/** Statuses of a server that is busy or down; all other 4xx, and 507, which is full, stay what they are. */
export function isTransientStatus(status: number): boolean {
	return status === 408 || status === 429 || (status >= 500 && status !== 507);
}

/**
 * Milliseconds to wait before try `number`, from 1: what the server asked for, else doubling, less a random half, so that
 * clients that failed together do not come back together.
 */
export function delayBefore(number: number, { firstDelayMs, mostDelayMs }: RetryPolicy, askedMs?: number): number {
	if (askedMs !== undefined) return Math.min(askedMs, MOST_ASKED_DELAY_MS);
	return Math.min(firstDelayMs * 2 ** (number - 1), mostDelayMs) * (1 - Math.random() / 2);
}

/**
 * The wait that an answer asks for, in milliseconds: by `Retry-After`, in seconds or as a date, or else, if too much was
 * asked of the Hub, by `RateLimit: "api";r=0;t=55`, which all other answers have too.
 */
export function askedDelay(status: number, headers: Headers, now = Date.now()): number | undefined {
	const after = headers.get("retry-after");
	if (after !== null && /^\d+$/.test(after)) return Number(after) * 1000;
	const date = after === null ? Number.NaN : Date.parse(after);
	if (!Number.isNaN(date)) return Math.max(0, date - now);
	if (status !== 429) return undefined;
	const [, seconds] = /;\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "") ?? [];
	return seconds === undefined ? undefined : Number(seconds) * 1000;
}
