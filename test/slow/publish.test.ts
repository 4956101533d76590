import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { WRITER } from "../support/hub/accounts.ts";
import { contentOfFile } from "../support/hub/content.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { runCli } from "../support/run-cli.ts";
import { writeSparse } from "../support/sparse.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** The bound for a publish of any size. */
const MOST_MEMORY = 160 * 2 ** 20;
const PRELOAD = new URL("../../bench/report-usage.js", import.meta.url).href;

/**
 * Storage that hashes what it is sent and keeps none of it, because the file lies here anyway; all else is for the double's.
 */
async function startSink(double: HubDouble, path: string): Promise<void> {
	const real = double.storageUrl;
	const content = await contentOfFile(path);
	const server = createServer(async (request, response) => {
		if (request.method !== "PUT") {
			response.writeHead(307, { location: `${real}${request.url}` }).end();
			return;
		}
		const hash = createHash("sha256");
		for await (const piece of request) hash.update(piece);
		const isRight = hash.digest("hex") === content.sha256;
		if (isRight) double.objects.set(content.sha256, content);
		response.writeHead(isRight ? 200 : 400, { etag: '"etag"' }).end();
	});
	await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
	onTestFinished(() => void server.close());
	const address = server.address();
	double.storageUrl = `http://localhost:${typeof address === "object" ? address?.port : 0}`;
}

test("publish of 1.2 GB in one upload takes bounded memory", async () => {
	const double = await startHub();
	double.repository("org/large", { isPrivate: true });
	const folder = await temporaryFolder();
	const model = join(folder, "model");
	await mkdir(model);
	const tensors = [{ name: "large", dtype: "F32", shape: [300_000_000] }] as const;
	const values = [{ name: "large", element: 299_999_999, value: 1 }];
	await startSink(double, await writeSparse(join(model, "model.safetensors"), tensors, values));
	const written = await runCli(["verify", model, "--write-lock", join(model, "clip-soup.lock.json"), "--quiet"]);
	expect(written.exitCode).toBe(0);
	const usage = join(folder, "usage");
	const args = ["publish", model, "--repo", "org/large", "--license", "mit", "--quiet"];
	const { exitCode, stderr } = await runCli([...args, "--verify-remote", "full"], {
		env: {
			HF_ENDPOINT: double.hubUrl,
			HF_HOME: join(folder, "hf"),
			HF_TOKEN: WRITER,
			BENCH_USAGE: usage,
			NODE_OPTIONS: `--import ${PRELOAD}`,
		},
	});
	expect([exitCode, stderr]).toEqual([0, ""]);
	expect(Number(readFileSync(usage, "utf8"))).toBeLessThan(MOST_MEMORY);
	expect(double.repositories.get("org/large")?.commits.size).toBe(2);
});
