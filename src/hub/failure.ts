import { ClipSoupError, type ErrorCode, systemCode } from "../errors.ts";
import { redact } from "./redact.ts";

/** What was attempted, as messages say it: "read", "hf:org/name". */
export interface Attempt {
	readonly verb: string;
	readonly object: string;
}

/** An answer that is no success, as far as it tells why. */
export interface Refusal {
	readonly status: number;
	readonly url: string;
	readonly headers: Headers;
	readonly text: string;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
	401: "ERR_HUB_AUTH",
	403: "ERR_HUB_FORBIDDEN",
	404: "ERR_HUB_NOT_FOUND",
	408: "ERR_HUB_UNAVAILABLE",
	409: "ERR_HUB_CONFLICT",
	412: "ERR_HUB_CONFLICT",
	429: "ERR_HUB_UNAVAILABLE",
};

const FIXES: Partial<Record<ErrorCode, string>> = {
	ERR_HUB_AUTH: "set HF_TOKEN to a token with access to it, or log in with `hf auth login`; check the name too",
	ERR_HUB_FORBIDDEN: "ask its owner for access, or use a token that has the permission",
	ERR_HUB_NOT_FOUND: "check name, revision and file; what is private is not found without the right token",
	ERR_HUB_CONFLICT: "look at what changed on the Hub and run again",
	ERR_HUB_UNAVAILABLE: "run again later",
	ERR_HUB_REJECTED: "see what the Hub says",
};

/** The Hub has no code of its own for storage that is used up. */
const QUOTA = /storage (quota|limit)|quota exceeded|exceeded.*storage/i;

/** A refusal as an error of its kind; nothing secret is left in its text. */
export function refusalError(attempt: Attempt, { status, url, headers, text }: Refusal): ClipSoupError {
	const said = headers.get("x-error-message") ?? errorIn(text);
	const isFull = status === 507 || (status === 403 && QUOTA.test(said));
	const code = isFull
		? "ERR_HUB_REJECTED"
		: (CODES[status] ?? (status >= 500 ? "ERR_HUB_UNAVAILABLE" : "ERR_HUB_REJECTED"));
	const hubCode = headers.get("x-error-code");
	const why = [hubCode, said].filter((part) => part !== null && part !== "").join(": ");
	const isGated = hubCode === "GatedRepo";
	const fix = isGated
		? "accept its conditions on its page on the Hub, and use that account's token"
		: isFull
			? "free storage at the Hub, or buy more"
			: FIXES[code];
	return new ClipSoupError(code, describe(attempt, `status ${status}${why === "" ? "" : ` (${redact(why)})`}`), {
		...(fix !== undefined && { fix }),
		details: {
			status,
			url: redact(url),
			...(hubCode !== null && { hubCode }),
			...(headers.has("x-request-id") && { requestId: headers.get("x-request-id") }),
		},
	});
}

/** A connection that could not be made or broke. */
export function networkError(attempt: Attempt, url: string, cause: unknown): ClipSoupError {
	const reason = rootOf(cause);
	const found = systemCode(reason) ?? (reason instanceof Error ? reason.message : String(reason));
	const fix = isCertificateError(cause)
		? "if a proxy has certificates of its own, name their file with NODE_EXTRA_CA_CERTS"
		: undefined;
	return unavailable(attempt, found, url, fix);
}

/** A service that does not answer as it should, with what was found. */
export function unavailable(
	attempt: Attempt,
	found: string,
	url: string,
	fix = "check the network, or run again later",
): ClipSoupError {
	const details = { url: redact(url) };
	return new ClipSoupError("ERR_HUB_UNAVAILABLE", describe(attempt, redact(found)), { fix, details });
}

/** Bytes that are not those that the Hub's own listing names. */
export function integrityError(attempt: Attempt, found: string, expected: string): ClipSoupError {
	return new ClipSoupError("ERR_HUB_INTEGRITY", `${describe(attempt, found)}, expected ${expected}`, {
		fix: "run again; if it stays so, a proxy or the repository is at fault",
	});
}

/** What keeps from asking the Hub: the first, or where it is not there the second. */
const OFFLINE = "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE";

/** What cannot be done without the Hub. */
export function offlineError(attempt: Attempt): ClipSoupError {
	const fix = `unset ${OFFLINE}`;
	return new ClipSoupError("ERR_HUB_OFFLINE", describe(attempt, `that ${OFFLINE} is set`), { fix });
}

/** What could be read from the cache, and is not there. */
export function notCachedError(attempt: Attempt): ClipSoupError {
	return new ClipSoupError("ERR_HUB_OFFLINE", describe(attempt, `${OFFLINE} set and no copy in the cache`), {
		fix: `unset ${OFFLINE}, or download it first: hf download`,
	});
}

/** Whether the certificate is at fault, which no other try will mend. */
export function isCertificateError(cause: unknown): boolean {
	return /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS/.test(systemCode(rootOf(cause)) ?? "");
}

/** Whether the body could not be sent because its file changed or went away. */
export function isUnreadableBody(cause: unknown): boolean {
	const reason = rootOf(cause);
	return reason instanceof DOMException && reason.name === "NotReadableError";
}

function describe({ verb, object }: Attempt, found: string): string {
	return `Cannot ${verb} "${object}": found ${found}`;
}

/** What happened, without the errors that wrap it. */
function rootOf(error: unknown): unknown {
	return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}

const MOST_CHARACTERS = 300;

/** The Hub's own words in an answer: `error` or `message` of its JSON. */
function errorIn(text: string): string {
	try {
		const body: unknown = JSON.parse(text);
		if (typeof body !== "object" || body === null) return "";
		const said = "error" in body ? body.error : "message" in body ? body.message : "";
		return typeof said === "string" ? said.slice(0, MOST_CHARACTERS) : "";
	} catch {
		// A proxy's page tells less than the status does.
		return "";
	}
}
