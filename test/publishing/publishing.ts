import { readFileSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Watch } from "../../src/progress.ts";
import { type PublishOptions, type PublishResult, publish } from "../../src/publish.ts";
import { verify } from "../../src/verify.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { WRITER } from "../support/hub/accounts.ts";
import type { HubDouble } from "../support/hub/double.ts";
import type { RequestRecord } from "../support/hub/state.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** What every test publishes to. */
export const REPO = "org/soup";

let lockText: string | undefined;

/** A copy of a checkpoint of 1.8 MB with its lock, in a temporary folder of its own. */
export async function soupFolder(): Promise<string> {
	const folder = join(await temporaryFolder(), "soup");
	await cp(digitsPath("augreg"), folder, { recursive: true });
	const lock = join(folder, "clip-soup.lock.json");
	if (lockText === undefined) {
		await verify(folder, { writeLock: lock, forward: false });
		lockText = readFileSync(lock, "utf8");
	} else await writeFile(lock, lockText);
	return folder;
}

/** Options of a publish to the double in which no wait takes time. */
export function optionsFor(double: HubDouble, options: Partial<PublishOptions> = {}): PublishOptions {
	const { hub, ...rest } = options;
	return {
		repo: REPO,
		license: "mit",
		seed: 1,
		...rest,
		hub: {
			environment: { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: WRITER },
			idleTimeoutMs: 2000,
			slowTimeoutMs: 2000,
			...hub,
			retry: { sleep: async () => {}, ...hub?.retry },
		},
	};
}

export function publishTo(
	double: HubDouble,
	folder: string,
	options: Partial<PublishOptions> = {},
	watch: Watch = {},
): Promise<PublishResult> {
	return publish(folder, optionsFor(double, options), watch);
}

/** Requests that change something, or send what is in files. */
export function writesIn(double: HubDouble): RequestRecord[] {
	const harmless = ["paths-info", "validate-yaml", "oidc"];
	return double.requests.filter(
		({ method, route }) => method !== "GET" && method !== "HEAD" && !harmless.includes(route),
	);
}

/** What a branch of the repository holds, by path: SHA-256 of the bytes. */
export function treeOf(double: HubDouble, revision = "main"): Record<string, string> {
	const tree = double.repositories.get(REPO)?.resolve(revision)?.tree ?? new Map();
	return Object.fromEntries([...tree.values()].map(({ path, content }) => [path, content.sha256]));
}

/** Number of commits that are not the first. */
export function commitsOf(double: HubDouble): number {
	return (double.repositories.get(REPO)?.commits.size ?? 1) - 1;
}
