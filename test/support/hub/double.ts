import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";
import { ZodError } from "zod";
import { identify } from "./accounts.ts";
import { distorted } from "./faults.ts";
import { OTHER_ROUTES } from "./other-routes.ts";
import { READING_ROUTES } from "./reading-routes.ts";
import { type Reply, reject } from "./reply.ts";
import { TestRepository } from "./repository.ts";
import { send } from "./send.ts";
import { HubState, type RequestRecord, type Route } from "./state.ts";
import { STORAGE_ROUTES, xml } from "./storage.ts";
import { WRITING_ROUTES } from "./writing-routes.ts";

const HUB_ROUTES: readonly Route[] = [...READING_ROUTES, ...WRITING_ROUTES, ...OTHER_ROUTES];

/**
 * A Hub on the loopback interface, and its storage under another host name: `127.0.0.1` and `localhost`.
 *
 * It holds to the protocol as clients see it, less Xet, and takes no short cut that the real one does not: what is
 * uploaded is hashed, what is committed has to be there, and a token that reaches storage fails the test.
 */
export class HubDouble extends HubState {
	readonly #servers: Server[] = [];

	async start(): Promise<void> {
		this.hubUrl = `http://127.0.0.1:${await this.#listen("hub", HUB_ROUTES, "127.0.0.1")}`;
		this.storageUrl = `http://localhost:${await this.#listen("storage", STORAGE_ROUTES, "localhost")}`;
	}

	/** Makes an empty repository. */
	repository(id: string, options: ConstructorParameters<typeof TestRepository>[1] = {}): TestRepository {
		const repository = new TestRepository(id, options);
		this.repositories.set(id, repository);
		return repository;
	}

	/** Names of the routes that were asked for since the last call, in order. */
	takeRoutes(): string[] {
		return this.requests.splice(0).map(({ route }) => route);
	}

	async close(): Promise<void> {
		for (const server of this.#servers) {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		}
	}

	async #listen(name: RequestRecord["server"], routes: readonly Route[], host: string): Promise<number> {
		const server = createServer((request, response) => {
			this.#answer(name, routes, request, response).catch((error: unknown) => {
				if (!response.headersSent) response.writeHead(500).end(String(error));
			});
		});
		this.#servers.push(server);
		await new Promise<void>((resolve) => server.listen(0, host, resolve));
		return portOf(server.address());
	}

	async #answer(
		name: RequestRecord["server"],
		routes: readonly Route[],
		request: IncomingMessage,
		response: ServerResponse,
	) {
		const body = await bodyOf(request);
		const url = new URL(request.url ?? "/", "http://double");
		const method = request.method ?? "";
		const route = routes.find((each) => each.methods.includes(method) && each.pattern.test(url.pathname));
		const effect = this.faults.take(route?.name ?? "none");
		const { authorization, ...headers } = request.headers;
		const record: RequestRecord = {
			server: name,
			route: route?.name ?? "none",
			method,
			url: request.url ?? "",
			host: request.headers.host ?? "",
			headers,
			isAuthorized: authorization !== undefined,
			requestByteLength: body.length,
			status: 0,
			responseByteLength: 0,
			effect: effect?.kind,
		};
		this.requests.push(record);
		if (effect?.kind === "silence") {
			effect.act?.();
			return;
		}
		if (effect?.kind === "reset") {
			request.socket.resetAndDestroy();
			return;
		}
		if (effect?.kind === "meanwhile") effect.act();
		const handled = effect?.kind === "status" ? injected(effect) : await this.#handle(name, route, url, request, body);
		const reply = distorted(handled, effect);
		record.status = reply.status;
		const common: Record<string, string> = { "x-request-id": `Root=1-${randomUUID()}` };
		if (name === "hub") {
			common.ratelimit = '"api";r=499;t=300';
			common["ratelimit-policy"] = '"fixed window";"api";q=500;w=300';
		}
		record.responseByteLength = await send(
			response,
			{ ...reply, headers: { ...common, ...reply.headers } },
			{ effect, isHead: method === "HEAD" },
		);
	}

	async #handle(
		name: RequestRecord["server"],
		route: Route | undefined,
		url: URL,
		{ method = "", headers }: IncomingMessage,
		body: Buffer,
	): Promise<Reply> {
		if (name === "storage" && headers.authorization !== undefined) {
			this.leaks.push(`${method} ${url.pathname}`);
			return xml(400, "InvalidArgument", "Only one auth mechanism allowed");
		}
		const { account, refusal } = identify(this.accounts, name === "hub" ? headers.authorization : undefined);
		if (refusal) return refusal;
		if (route === undefined)
			return name === "hub" ? reject(404, "Sorry, we can't find the page") : xml(404, "NoSuchKey");
		const groups = Object.entries(route.pattern.exec(url.pathname)?.groups ?? {});
		const given = groups.filter((entry): entry is [string, string] => entry[1] !== undefined);
		const parameters = Object.fromEntries(given.map(([key, value]) => [key, decodeURIComponent(value)]));
		try {
			return await route.handle({ method, url, headers, body, parameters, account }, this);
		} catch (error) {
			if (error instanceof ZodError || error instanceof SyntaxError) return reject(400, error.message);
			throw error;
		}
	}
}

/** Starts a double that closes when the test ends; the test fails if a token reached storage. */
export async function startHub(): Promise<HubDouble> {
	const hub = new HubDouble();
	await hub.start();
	onTestFinished(async () => {
		await hub.close();
		expect(hub.leaks, "requests that took a token to storage").toEqual([]);
	});
	return hub;
}

function injected({
	status,
	headers,
}: {
	readonly status: number;
	readonly headers?: Readonly<Record<string, string>>;
}): Reply {
	return reject(status, `Injected ${status}`, undefined, headers);
}

function portOf(address: AddressInfo | string | null): number {
	if (address === null || typeof address === "string") throw new Error("The server has no port");
	return address.port;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
	const pieces: Buffer[] = [];
	for await (const piece of request) pieces.push(piece);
	return Buffer.concat(pieces);
}
