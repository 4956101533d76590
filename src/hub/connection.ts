import { type Environment, hubPlaces, parseEndpoint } from "./endpoint.ts";
import { type HttpOptions, HubHttp } from "./http.ts";
import { Hub } from "./hub.ts";
import { exchangeIdentity, type OidcEvents } from "./oidc.ts";
import { type FoundToken, findToken, type HubToken, readTokenFile, tokenFromText } from "./token.ts";

/** A repository on the Hub and the way to it. */
export interface Connection {
	readonly endpoint: string;
	readonly http: HubHttp;
	/** `org/name`. */
	readonly id: string;
	readonly token: HubToken | undefined;
	/** What the user should know of how the token is kept. */
	readonly notices: readonly string[];
	readonly signal: AbortSignal | undefined;
}

export interface ConnectOptions extends HttpOptions, OidcEvents {
	/** Where HF_ENDPOINT, HF_TOKEN and the like are looked up. Default: the process's. */
	readonly environment?: Environment;
	/** In place of HF_ENDPOINT. */
	readonly endpoint?: string | undefined;
	/** A file that holds the token. */
	readonly tokenFile?: string | undefined;
	/** The token itself, as it was read from a pipe. */
	readonly tokenText?: string | undefined;
}

/**
 * Finds the token to write with, in huggingface_hub's order: what was given, OIDC, the environment, the file.
 *
 * @throws {ClipSoupError} ERR_USAGE for a token or an endpoint that is none; what the exchange of an OIDC token throws
 */
export async function connect(id: string, options: ConnectOptions = {}): Promise<Connection> {
	const { environment: _, endpoint: __, tokenFile, tokenText, ...rest } = options;
	const environment = environmentOf(options);
	const { endpoint, isOffline } = hubPlaces(environment);
	const { token, notices } = await findWriteToken(environment, endpoint, { tokenFile, tokenText, ...rest });
	const authorization = async () => token && `Bearer ${token.reveal()}`;
	const http = new HubHttp({ endpoint, isOffline, authorization }, rest);
	return { endpoint, http, id, token, notices, signal: rest.signal };
}

/** The Hub at the same endpoint, to read other repositories with the token for reading. */
export function readingHub(options: ConnectOptions): Hub {
	return new Hub({ ...options, environment: environmentOf(options) });
}

function environmentOf({ environment = process.env, endpoint }: ConnectOptions): Environment {
	return endpoint === undefined ? environment : { ...environment, HF_ENDPOINT: parseEndpoint(endpoint, "--endpoint") };
}

async function findWriteToken(
	environment: Environment,
	endpoint: string,
	{ tokenFile, tokenText, ...options }: Omit<ConnectOptions, "environment" | "endpoint">,
): Promise<FoundToken> {
	if (tokenText !== undefined) return { token: tokenFromText(tokenText, "stdin"), notices: [] };
	if (tokenFile !== undefined) return readTokenFile(tokenFile);
	const resource = environment.HF_OIDC_RESOURCE;
	if (resource) return { token: await exchangeIdentity({ environment, endpoint, resource }, options), notices: [] };
	// HF_HUB_DISABLE_IMPLICIT_TOKEN is about reading: nothing can be written without a token.
	return findToken({ ...environment, HF_HUB_DISABLE_IMPLICIT_TOKEN: undefined });
}
