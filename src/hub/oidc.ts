import * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import type { Environment } from "./endpoint.ts";
import { unavailable } from "./failure.ts";
import { type HttpOptions, HubHttp, postJson } from "./http.ts";
import { HubToken, tokenFromText } from "./token.ts";

/** What the user of secrets that are fetched wants to know. */
export interface OidcEvents {
	/** Called with each secret before it is used: CI systems mask what they are told of. */
	readonly onSecret?: ((value: string) => void) | undefined;
}

/** Who asks whom for a token, and for what. */
export interface OidcRequest {
	readonly environment: Environment;
	readonly endpoint: string;
	/** `org/name`: the token is good for it and nothing else. */
	readonly resource: string;
}

const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const SUBJECT = "urn:ietf:params:oauth:token-type:id_token";
/** The audience that the Hub takes, whatever its endpoint (huggingface_hub 2.0, trusted publishing). */
const AUDIENCE = "https://huggingface.co";

const identitySchema = z.object({ value: z.string().min(1) });
const accessSchema = z.object({ access_token: z.string().min(1) });

/**
 * Exchanges the identity of a CI job for a token that writes to one repository for an hour: no secret is kept anywhere.
 *
 * @throws {ClipSoupError} ERR_USAGE if the job has no identity, ERR_HUB_AUTH if the Hub does not trust it
 */
export async function exchangeIdentity(
	{ environment, endpoint, resource }: OidcRequest,
	{ onSecret = () => {}, ...options }: HttpOptions & OidcEvents,
): Promise<HubToken> {
	const subject = await identityToken(environment, options);
	onSecret(subject);
	const http = new HubHttp({ endpoint, isOffline: false, authorization: async () => undefined }, options);
	const attempt = { verb: "get a token for", object: `hf:${resource}` };
	const url = `${endpoint}/oauth/token`;
	const fields = { grant_type: GRANT, subject_token_type: SUBJECT, subject_token: subject, resource };
	const { value } = await http.json(postJson(url, attempt, fields)).catch((error: unknown) => {
		throw error instanceof ClipSoupError && error.code === "ERR_HUB_REJECTED" ? distrusted(resource, error) : error;
	});
	const answer = accessSchema.safeParse(value);
	if (!answer.success) throw unavailable(attempt, "an answer without a token", url);
	onSecret(answer.data.access_token);
	return tokenFromText(answer.data.access_token, `OIDC for ${resource}`);
}

/** What tells the Hub which job this is: HF_OIDC_ID_TOKEN, or what GitHub Actions gives out. */
async function identityToken(environment: Environment, options: HttpOptions): Promise<string> {
	const given = environment.HF_OIDC_ID_TOKEN?.trim();
	if (given) return given;
	const { ACTIONS_ID_TOKEN_REQUEST_URL: base, ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret } = environment;
	if (!base || !secret || !URL.canParse(base)) throw noIdentity();
	const url = new URL(base);
	url.searchParams.set("audience", AUDIENCE);
	const token = new HubToken(secret, "ACTIONS_ID_TOKEN_REQUEST_TOKEN");
	const authorization = async () => `Bearer ${token.reveal()}`;
	const http = new HubHttp({ endpoint: url.origin, isOffline: false, authorization }, options);
	const attempt = { verb: "get the identity of", object: "this job" };
	const { value } = await http.json({ url: url.href, attempt });
	const answer = identitySchema.safeParse(value);
	if (!answer.success) throw unavailable(attempt, "an answer without an identity", url.href);
	return answer.data.value;
}

function noIdentity(): ClipSoupError {
	return new ClipSoupError("ERR_USAGE", "Cannot use HF_OIDC_RESOURCE: found no identity of this job", {
		fix: "give the job `permissions: id-token: write`, or set HF_OIDC_ID_TOKEN",
	});
}

function distrusted(resource: string, cause: ClipSoupError): ClipSoupError {
	const message = `Cannot get a token for "hf:${resource}": found that the Hub does not trust this job (${cause.message})`;
	return new ClipSoupError("ERR_HUB_AUTH", message, {
		fix: "name this repository and workflow as a trusted publisher in the settings of the model, or set HF_TOKEN",
		details: { ...cause.details },
		cause,
	});
}
