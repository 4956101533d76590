import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { average } from "../../src/index.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import type { TestRepository } from "../support/hub/repository.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { publish } from "./repositories.ts";

/** A double that the process's environment points to, and a folder that temporary files go to. */
export interface DoubleEnvironment {
	readonly double: HubDouble;
	/** For what the test writes; holds `soup/`, as it is in org/soup. */
	readonly folder: string;
	/** TMPDIR and HF_HOME: what is in it was stored. */
	readonly watched: string;
	/** Commits of org/augreg, org/rewind and org/soup. */
	readonly commits: Readonly<Record<"augreg" | "rewind" | "soup", string>>;
	/** For `runCli`. */
	readonly env: Readonly<Record<string, string>>;
}

/** Starts a double that holds the two endings of a training run and their soup. */
export async function doubleEnvironment(): Promise<DoubleEnvironment> {
	const double = await startHub();
	const folder = await temporaryFolder();
	const watched = await temporaryFolder();
	const env = { HF_ENDPOINT: double.hubUrl, HF_HOME: join(watched, "hf-home"), TMPDIR: watched };
	for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
	for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_HUB_OFFLINE"]) {
		vi.stubEnv(name, undefined);
	}
	onTestFinished(() => {
		vi.unstubAllEnvs();
	});
	const augreg = publish(double, "org/augreg", digitsPath("augreg"));
	const rewind = publish(double, "org/rewind", digitsPath("rewind"));
	await average(["hf:org/augreg", "hf:org/rewind"], { output: join(folder, "soup"), fsync: false });
	const commits = { augreg, rewind, soup: publish(double, "org/soup", join(folder, "soup")) };
	double.takeRoutes();
	return { double, folder, watched, commits, env };
}

/** Bytes that storage sent of a repository's weights. */
export function sentBytes({ requests, repositories }: HubDouble, id: string, path = WEIGHTS): number {
	const { sha256 = "nothing" } = weightsOf(repositories.get(id), path) ?? {};
	const sent = requests.filter(({ route, url }) => route === "storage-get" && url.includes(sha256));
	return sent.reduce((sum, { responseByteLength }) => sum + responseByteLength, 0);
}

/** Flips a bit of a byte that storage holds; the listing knows nothing of it. */
export function damageStorage({ objects, repositories }: HubDouble, id: string, position: number): void {
	const content = weightsOf(repositories.get(id), WEIGHTS);
	if (content === undefined) throw new Error(`${id} has no ${WEIGHTS}`);
	const read = async (begin: number, end: number) => {
		const bytes = await content.read(begin, end);
		const at = position - begin;
		if (at >= 0 && at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
		return bytes;
	};
	objects.set(content.sha256, { ...content, read });
}

const WEIGHTS = "open_clip_model.safetensors";

function weightsOf(repository: TestRepository | undefined, path: string) {
	return repository?.resolve("main")?.tree.get(path)?.content;
}
