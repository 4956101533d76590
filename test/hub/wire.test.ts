import http, { createServer, globalAgent } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sendOverWire } from "../../src/hub/wire.ts";

let url: string;
let asked: string[];
const server = createServer((request, response) => {
	asked.push(`${request.headers["accept-encoding"]}`);
	response.end("answer");
});

beforeEach(async () => {
	asked = [];
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address: AddressInfo | string | null = server.address();
	url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
});

afterEach(async () => {
	vi.unstubAllEnvs();
	http.globalAgent = globalAgent;
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
});

/** An agent of Node's own kind that tells how often it was asked for a connection. */
class CountingAgent extends http.Agent {
	connections = 0;

	override createConnection(...parameters: Parameters<http.Agent["createConnection"]>) {
		this.connections++;
		return super.createConnection(...parameters);
	}
}

async function ask(headers: Readonly<Record<string, string>> = {}): Promise<string> {
	const { signal } = new AbortController();
	const { body } = await sendOverWire({ url, method: "GET", headers, body: undefined, onSent: () => {}, signal });
	let text = "";
	for await (const piece of body) text += Buffer.from(piece).toString();
	return text;
}

describe("sendOverWire", () => {
	test("asks for bodies as they are, unless it is told otherwise", async () => {
		expect([await ask(), await ask({ "accept-encoding": "br" })]).toEqual(["answer", "answer"]);
		expect(asked).toEqual(["identity", "br"]);
	});

	test.each([
		["1", 1],
		["", 0],
	])("goes by Node's own agent, which knows proxies, with NODE_USE_ENV_PROXY=%j", async (value, connections) => {
		const agent = new CountingAgent();
		http.globalAgent = agent;
		vi.stubEnv("NODE_USE_ENV_PROXY", value);
		expect(await ask()).toBe("answer");
		expect(agent.connections).toBe(connections);
		agent.destroy();
	});
});
