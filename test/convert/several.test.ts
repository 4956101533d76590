import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/index.ts";
import { expectDone, expectFailure } from "../cli/expectations.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { digestsOf, digitsPath, filesOf, jsonAt, layoutPath, libraryDigests } from "./fixtures.ts";

const VIT = layoutPath("vit-f16", "openclip");
const VIT_TIMM = layoutPath("vit-f16", "timm");
const CONVNEXT = layoutPath("convnext-mlp", "openclip");
const ROW_OF_TARGETS = ["openclip", "timm", "hf"] as const;

describe("several targets in one run", () => {
	it.each([
		{ family: "ViT", input: VIT },
		{ family: "ConvNeXt", input: digitsPath("augreg") },
	])("equal single runs byte for byte: $family", async ({ input }) => {
		const out = await temporaryFolder();
		await convert(input, { to: ROW_OF_TARGETS, output: join(out, "all"), fsync: false });
		for (const layout of ROW_OF_TARGETS) {
			await convert(input, { to: [layout], output: join(out, layout), fsync: false });
			const { "soup.json": _, ...alone } = await filesOf(join(out, layout));
			expect(await filesOf(join(out, "all", layout)), layout).toEqual(alone);
		}
		expect((await readdir(join(out, "all"))).sort()).toEqual(["hf", "openclip", "soup.json", "timm"]);
	});

	it("have the same bytes in any order, with any number of threads, under any name of the output", async () => {
		const out = await temporaryFolder();
		const runs = [
			{ to: ROW_OF_TARGETS, threads: 1 },
			{ to: ["hf", "timm", "openclip"] as const, threads: 2 },
			{ to: ROW_OF_TARGETS, threads: 5 },
		];
		const all = [];
		for (const [number, options] of runs.entries()) {
			await convert(CONVNEXT, { ...options, output: join(out, `run${number}`), fsync: false });
			all.push(await filesOf(join(out, `run${number}`)));
		}
		expect(all[1]).toEqual(all[0]);
		expect(all[2]).toEqual(all[0]);
	});
});

describe("shards", () => {
	it("are written for transformers, one file for OpenCLIP and timm, and read back to the bit", async () => {
		const out = await temporaryFolder();
		const run = ["convert", CONVNEXT, "--to", "openclip,timm,hf", "--max-shard-size", "100KB", "-o", out];
		const sharded = await runCli(run);
		expectDone(sharded);
		expect(sharded.stderr).toMatch(/openclip: the weights are one file, since open_clip reads no shards/);
		expect(sharded.stderr).toMatch(/timm: the weights are one file, since timm reads no shards/);
		expect(sharded.stderr).toMatch(/hf-pair: transformers reads vision\/ in shards, timm itself does not/);
		const weightsIn = async (folder: string) =>
			(await readdir(join(out, folder))).filter((name) => name.includes(".safetensors"));
		expect(await weightsIn("openclip")).toEqual(["open_clip_model.safetensors"]);
		expect(await weightsIn("timm")).toEqual(["model.safetensors"]);
		for (const folder of ["hf/vision", "hf/text"]) {
			const index = await jsonAt(out, folder, "model.safetensors.index.json");
			const shards = (await readdir(join(out, folder))).filter((name) => name.endsWith(".safetensors")).sort();
			expect(shards.length, folder).toBeGreaterThan(2);
			expect([...new Set(Object.values(index.weight_map))].sort()).toEqual(shards);
			expect(await digestsOf(join(out, folder))).toEqual(await libraryDigests("convnext-mlp", folder));
		}
		expectDone(await runCli(["convert", join(out, "hf"), "--to", "openclip", "-o", join(out, "back")]));
		expect(await digestsOf(join(out, "back"))).toEqual(await libraryDigests("convnext-mlp", "openclip"));
		const text = ["--text", join(out, "hf", "text")];
		expectDone(
			await runCli(["convert", join(out, "hf", "vision"), ...text, "--to", "openclip", "-o", join(out, "back2")]),
		);
		expect(await digestsOf(join(out, "back2"))).toEqual(await libraryDigests("convnext-mlp", "openclip"));
	});

	it("may be given by their index", async () => {
		const out = await temporaryFolder();
		await convert(VIT, { to: ["hf"], output: join(out, "shards"), maxShardSize: 50_000, fsync: false });
		const index = join(out, "shards", "model.safetensors.index.json");
		const config = ["--arch-config", join(VIT, "open_clip_config.json")];
		expectDone(await runCli(["convert", index, "--to", "openclip", "-o", join(out, "back"), ...config]));
		expect(await digestsOf(join(out, "back"))).toEqual(await libraryDigests("vit-f16", "openclip"));
	});

	it.each([
		["convert to OpenCLIP", ["convert", VIT, "--to", "openclip"], "open_clip reads no shards"],
		["convert to timm", ["convert", VIT, "--to", "timm"], "timm reads no shards"],
		["convert to both", ["convert", VIT, "--to", "openclip,timm"], "open_clip reads no shards, timm reads no shards"],
		["avg of timm folders", ["avg", VIT_TIMM, VIT_TIMM], "timm reads no shards"],
		["avg into timm", ["avg", VIT, VIT, "--to", "timm"], "timm reads no shards"],
	])("are refused where no library would read them: %s", async (_, command, reason) => {
		const out = await temporaryFolder();
		const run = await runCli([...command, "--max-shard-size", "1MB", "-o", join(out, "o")]);
		expectFailure(run, { code: "ERR_USAGE", says: [`Cannot write shards: ${reason}\n`], fix: /--max-shard-size/ });
		expect(await readdir(out)).toEqual([]);
	});
});

it("carries tokenizer files over, into the folder of the text tower", async () => {
	const out = await temporaryFolder();
	const tokenizer = ["merges.txt", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"];
	await convert(digitsPath("augreg"), { to: ["openclip", "timm", "hf"], output: out, fsync: false });
	const source = await filesOf(digitsPath("augreg"));
	for (const folder of ["openclip", "hf/text"]) {
		const files = await filesOf(join(out, folder));
		for (const name of tokenizer) expect(files[name], `${folder}/${name}`).toBe(source[name]);
	}
	for (const folder of ["timm", "hf/vision"]) {
		expect(await readdir(join(out, folder))).not.toEqual(expect.arrayContaining(["merges.txt"]));
	}
});

it("says when there is no tokenizer for transformers to take", async () => {
	const out = await temporaryFolder();
	const run = await runCli(["convert", VIT, "--to", "hf", "-o", out]);
	expect(run.stderr).toMatch(/note: the input has no tokenizer files/);
	const timm = await runCli(["convert", VIT, "--to", "timm", "-o", join(out, "timm")]);
	expect(timm.stderr).not.toMatch(/tokenizer/);
});

it("gives the same bytes for a folder, its weight file beside its configuration, and a copy elsewhere", async () => {
	const out = await temporaryFolder();
	await cp(VIT, join(out, "openclip"), { recursive: true });
	await convert(VIT, { to: ["hf"], output: join(out, "a"), fsync: false });
	await convert(join(out, "openclip"), { to: ["hf"], output: join(out, "b"), fsync: false });
	const file = join(VIT, "open_clip_model.safetensors");
	await convert(file, { to: ["hf"], output: join(out, "c"), fsync: false });
	expect(await filesOf(join(out, "b"))).toEqual(await filesOf(join(out, "a")));
	expect(await digestsOf(join(out, "c"))).toEqual(await digestsOf(join(out, "a")));
	const { "config.json": ofFolder } = await filesOf(join(out, "a"));
	expect((await filesOf(join(out, "c")))["config.json"]).toBe(ofFolder);
});
