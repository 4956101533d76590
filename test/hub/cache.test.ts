import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { convert } from "../../src/convert.ts";
import { parseHubReference } from "../../src/hub/reference.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { contentOf } from "../support/hub/content.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { hubOn } from "./reading.ts";
import { publish } from "./repositories.ts";

const WEIGHTS = join(digitsPath("augreg"), "open_clip_model.safetensors");
const NAME = "open_clip_model.safetensors";

/** Lays files of a commit down as huggingface_hub does: links to blobs that are named by digest. */
async function download(cache: string, double: HubDouble, commit: string, names: readonly string[]): Promise<void> {
	const folder = join(cache, "models--org--m");
	await mkdir(join(folder, "refs"), { recursive: true });
	await writeFile(join(folder, "refs/main"), commit);
	for (const name of names) {
		const file = double.repositories.get("org/m")?.commits.get(commit)?.tree.get(name);
		if (file === undefined) throw new Error(`"${name}" is not there`);
		const blob = file.isLfs ? file.content.sha256 : file.oid;
		const link = join(folder, "snapshots", commit, name);
		await mkdir(join(folder, "blobs"), { recursive: true });
		await mkdir(dirname(link), { recursive: true });
		await writeFile(join(folder, "blobs", blob), await file.content.read(0, file.content.byteLength));
		await symlink(relative(dirname(link), join(folder, "blobs", blob)), link);
	}
}

async function prepared(names: readonly string[]) {
	const double = await startHub();
	const commit = publish(double, "org/m", digitsPath("augreg"));
	const HF_HUB_CACHE = join(await temporaryFolder(), "hub");
	await download(HF_HUB_CACHE, double, commit, names);
	return { double, commit, HF_HUB_CACHE };
}

test("a file of a commit that the cache holds needs no request", async () => {
	const { double, commit, HF_HUB_CACHE } = await prepared([NAME]);
	const { hub } = await hubOn(double, { HF_HUB_CACHE });
	await using checkpoint = await openCheckpoint(`hf:org/m@${commit}:${NAME}`, hub);
	expect(checkpoint.tensors.size).toBe(94);
	expect(checkpoint.files[0]?.source.descriptor).toBeTypeOf("number");
	expect(checkpoint.files[0]?.source.name).toBe(`hf:org/m@${commit}:${NAME}`);
	expect(double.takeRoutes()).toEqual([]);
});

test("a branch is resolved and listed; the bytes come from the cache, what it lacks from the Hub", async () => {
	const { double, HF_HUB_CACHE } = await prepared([NAME]);
	const { hub } = await hubOn(double, { HF_HUB_CACHE });
	const { folder } = await hub.open(parseHubReference("hf:org/m"));
	await using source = await folder.open(NAME);
	const bytes = Buffer.alloc(source.byteLength);
	await source.read(0, bytes);
	expect(bytes.equals(await readFile(WEIGHTS))).toBe(true);
	expect(double.takeRoutes()).toEqual(["revision", "tree"]);
	expect(await folder.readSmall("merges.txt")).toEqual(await readFile(join(digitsPath("augreg"), "merges.txt")));
	expect(double.takeRoutes()).toEqual(["resolve"]);
});

test("a copy of another size or name is left alone, and a newer commit is not looked for in it", async () => {
	const { double, commit, HF_HUB_CACHE } = await prepared([NAME]);
	const blobs = join(HF_HUB_CACHE, "models--org--m/blobs");
	const [blob = ""] = await readdir(blobs);
	await writeFile(join(blobs, blob), "half");
	const { hub } = await hubOn(double, { HF_HUB_CACHE });
	await using checkpoint = await openCheckpoint(`hf:org/m@${commit}`, hub);
	expect(checkpoint.files[0]?.source.descriptor).toBeUndefined();
	double.repositories.get("org/m")?.add({ [NAME]: contentOf(await readFile(WEIGHTS)), "new.txt": "x" });
	const { folder } = await (await hubOn(double, { HF_HUB_CACHE })).hub.open(parseHubReference("hf:org/m"));
	expect(await folder.list()).toContain("new.txt");
});

test("offline, the cache is all there is", async () => {
	const { double, commit, HF_HUB_CACHE } = await prepared([NAME, "open_clip_config.json"]);
	const { hub } = await hubOn(double, { HF_HUB_CACHE, HF_HUB_OFFLINE: "1" });
	for (const reference of ["hf:org/m", "hf:org/m@main", `hf:org/m@${commit}`, `hf:org/m:${NAME}`]) {
		await using checkpoint = await openCheckpoint(reference, hub);
		expect(checkpoint.tensors.size).toBe(94);
	}
	await using whole = await openCheckpoint("hf:org/m", hub);
	expect(await whole.folder?.readSmall("open_clip_config.json")).toBeDefined();
	expect(await whole.folder?.readSmall("merges.txt")).toBeUndefined();
	for (const reference of ["hf:org/other", "hf:org/m@v2", "hf:org/m:nope.safetensors"]) {
		await expect(openCheckpoint(reference, hub)).rejects.toMatchObject({ code: "ERR_HUB_OFFLINE", exitCode: 6 });
	}
	expect(double.takeRoutes()).toEqual([]);
});

test("a shard index in a folder of a pinned commit is read from the cache, and what that lacks from the Hub", async () => {
	const double = await startHub();
	const folder = await temporaryFolder();
	await convert(digitsPath("augreg"), { to: ["hf"], output: folder, force: true, fsync: false, maxShardSize: 5e5 });
	const commit = publish(double, "org/m", folder);
	const names = (await readdir(join(folder, "vision"))).filter((name) => name.includes(".safetensors"));
	const [shard = "", ...others] = names.filter((name) => !name.endsWith(".json")).map((name) => `vision/${name}`);
	const index = "vision/model.safetensors.index.json";
	const reference = `hf:org/m@${commit}:${index}`;
	await using local = await openCheckpoint(join(folder, index));
	const tensors = [...local.tensors.values()];
	const cases = [
		{ cached: [], HF_HUB_OFFLINE: "0", routes: ["tree", "resolve", "storage-get"] },
		{ cached: [index, ...others], HF_HUB_OFFLINE: "0", routes: ["tree", "resolve", "storage-get"] },
		{ cached: [index, shard, ...others], HF_HUB_OFFLINE: "0", routes: ["tree"] },
		{ cached: [index, shard, ...others], HF_HUB_OFFLINE: "1", routes: [] },
	];
	for (const { cached, HF_HUB_OFFLINE, routes } of cases) {
		const HF_HUB_CACHE = join(await temporaryFolder(), "hub");
		await download(HF_HUB_CACHE, double, commit, cached);
		const { hub } = await hubOn(double, { HF_HUB_CACHE, HF_HUB_OFFLINE });
		await using checkpoint = await openCheckpoint(reference, hub);
		expect([...checkpoint.tensors.values()]).toEqual(tensors);
		expect(await checkpoint.folder?.readSmall("config.json")).toEqual(
			HF_HUB_OFFLINE === "1" ? undefined : await readFile(join(folder, "vision/config.json")),
		);
		expect(new Set(double.takeRoutes())).toEqual(new Set(HF_HUB_OFFLINE === "1" ? [] : [...routes, "resolve"]));
	}
	const HF_HUB_CACHE = join(await temporaryFolder(), "hub");
	await download(HF_HUB_CACHE, double, commit, [index, ...others]);
	const { hub } = await hubOn(double, { HF_HUB_CACHE, HF_HUB_OFFLINE: "1" });
	await expect(openCheckpoint(reference, hub)).rejects.toMatchObject({
		code: "ERR_HUB_OFFLINE",
		message: expect.stringContaining(`Cannot open "hf:org/m@${commit}:${shard}"`),
	});
	double.repositories.get("org/m")?.commit("refs/heads/main", "Remove", "", [{ kind: "remove", path: shard }]);
	await expect(openCheckpoint(`hf:org/m:${index}`, (await hubOn(double)).hub)).rejects.toMatchObject({
		code: "ERR_HUB_NOT_FOUND",
		message: expect.stringContaining(`Cannot open "hf:org/m:${shard}": found no such file at commit`),
	});
});

test("nothing is written to the cache", async () => {
	const { double, HF_HUB_CACHE } = await prepared([NAME]);
	const before = await readdir(HF_HUB_CACHE, { recursive: true });
	const { hub } = await hubOn(double, { HF_HUB_CACHE });
	await using checkpoint = await openCheckpoint("hf:org/m", hub);
	await checkpoint.folder?.readSmall("merges.txt");
	expect(await readdir(HF_HUB_CACHE, { recursive: true })).toEqual(before);
});

test("a listing of several pages is read to its end", async () => {
	const double = await startHub();
	const names = Array.from({ length: 2500 }, (_, index) => `f${index}.txt`);
	double.repository("org/many").add(Object.fromEntries(names.map((name) => [name, "x"])));
	const { folder } = await (await hubOn(double)).hub.open(parseHubReference("hf:org/many"));
	expect((await folder.list()).length).toBe(2500);
	expect(double.takeRoutes()).toEqual(["revision", "tree", "tree", "tree"]);
});

test("a revision means the same commit throughout a run, whatever is pushed meanwhile", async () => {
	const double = await startHub();
	const commit = publish(double, "org/m", digitsPath("augreg"));
	const { hub } = await hubOn(double);
	await using first = await openCheckpoint("hf:org/m", hub);
	double.repositories.get("org/m")?.add({ [NAME]: "broken" });
	await using second = await openCheckpoint("hf:org/m", hub);
	expect([...second.tensors.keys()]).toEqual([...first.tensors.keys()]);
	expect(double.requests.some(({ url }) => url.includes("/main/"))).toBe(false);
	expect(double.requests.filter(({ route, url }) => route === "resolve" && url.includes(commit)).length).toBe(2);
});
