import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { f32, writeCheckpoint } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { expectFailure, expectSuccess, namesIn } from "./expectations.ts";
import { f32Values, readSafetensors } from "./read-safetensors.ts";

const TENSORS = {
	"text_model.a": f32(1, 2, 3, 4),
	"text_model.b": f32(5, 6, 7, 8),
	"vision_model.c": f32(9, 10),
	"vision_model.d": f32(11),
};
const INDEX = "model.safetensors.index.json";
const FIRST = "model-00001-of-00002.safetensors";
const SECOND = "model-00002-of-00002.safetensors";

/** A Hugging Face checkpoint in one file, `single`, and the same in two shards, `sharded`. */
async function checkpoints(): Promise<string> {
	const folder = await temporaryFolder();
	await writeCheckpoint(join(folder, "single", "model.safetensors"), TENSORS);
	const { "vision_model.d": d, ...rest } = TENSORS;
	await writeCheckpoint(join(folder, "sharded", FIRST), rest);
	await writeCheckpoint(join(folder, "sharded", SECOND), { "vision_model.d": d });
	await writeIndex(folder, {});
	return folder;
}

async function writeIndex(folder: string, changes: Readonly<Record<string, string>>, totalSize = 44): Promise<void> {
	const shards = Object.keys(TENSORS).map((name) => [name, name.endsWith("d") ? SECOND : FIRST]);
	const index = {
		metadata: { total_size: totalSize },
		weight_map: { ...Object.fromEntries(shards), ...changes },
	};
	await writeFile(join(folder, "sharded", INDEX), JSON.stringify(index));
}

describe("a sharded input", () => {
	it.each(["sharded", `sharded/${INDEX}`])("is read as one checkpoint when given as %s", async (input) => {
		const folder = await checkpoints();
		const run = await runCli(["diff", "single", input], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 0, stderr: "" });
		expectSuccess(await runCli(["avg", input, "single", "-o", "soup.safetensors"], { cwd: folder }));
		expect(f32Values(await readSafetensors(join(folder, "soup.safetensors")), "text_model.b")).toEqual([5, 6, 7, 8]);
	});

	it.each([
		{ shard: "../single/model.safetensors", found: "a step out of the folder" },
		{ shard: "x/../../single/model.safetensors", found: "a step out of the folder" },
		{ shard: "/etc/model.safetensors", found: "an absolute path" },
		{ shard: "..\\single\\model.safetensors", found: "a backslash" },
		{ shard: "\\\\server\\share\\model.safetensors", found: "a backslash" },
		{ shard: "C:model.safetensors", found: "a colon" },
		{ shard: "https://example.org/model.safetensors", found: "a colon" },
		{ shard: "./model.safetensors", found: "an empty or dot step" },
		{ shard: "model.bin", found: "another extension" },
		{ shard: "model.safetensors\u0000.bin", found: "a control character" },
	])("is refused when its index leads to $shard", async ({ shard, found }) => {
		const folder = await checkpoints();
		await writeIndex(folder, { "vision_model.d": shard });
		const run = await runCli(["inspect", "sharded"], { cwd: folder });
		expectFailure(run, { code: "ERR_INDEX_UNSAFE_PATH", says: [found, INDEX], fix: /download the index again/ });
	});

	it("is refused when a shard is missing, which is named", async () => {
		const folder = await checkpoints();
		await rm(join(folder, "sharded", SECOND));
		const run = await runCli(["inspect", "sharded"], { cwd: folder });
		expectFailure(run, { code: "ERR_INPUT_NOT_FOUND", says: [`sharded/${SECOND}`], fix: /check the path/ });
	});

	it("is refused when a tensor is mapped to the wrong shard", async () => {
		const folder = await checkpoints();
		await writeIndex(folder, { "text_model.a": SECOND });
		const run = await runCli(["inspect", "sharded"], { cwd: folder });
		expectFailure(run, {
			code: "ERR_INDEX_MISMATCH",
			says: [`"text_model.a" missing from "${SECOND}"`, `"text_model.a" in "${FIRST}"`],
			fix: /from one revision/,
		});
	});

	it.each([
		{
			what: "a tensor that no shard has",
			changes: { ghost: FIRST },
			size: 44,
			says: `"ghost" missing from "${FIRST}"`,
		},
		{ what: "a total size that is not theirs", changes: {}, size: 43, says: "a total_size of 43, expected 44" },
	])("is refused when its index tells $what", async ({ changes, size, says }) => {
		const folder = await checkpoints();
		await writeIndex(folder, changes, size);
		const run = await runCli(["inspect", "sharded"], { cwd: folder });
		expectFailure(run, { code: "ERR_INDEX_MISMATCH", says: [says], fix: /from one revision/ });
	});

	it("is refused when a shard holds a tensor that the index does not know", async () => {
		const folder = await checkpoints();
		await writeCheckpoint(join(folder, "sharded", SECOND), { "vision_model.d": f32(11), secret: f32(1) });
		const run = await runCli(["inspect", "sharded"], { cwd: folder });
		expectFailure(run, { code: "ERR_INDEX_MISMATCH", says: [`"secret" in "${SECOND}" only`], fix: /one revision/ });
	});

	it.each([
		{ text: "", says: /found/ },
		{ text: "{}", says: /no weight_map/ },
		{ text: '{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', says: /"a" twice/ },
		{ text: '{"weight_map": {"a": 1}}', says: /expected/ },
		{ text: "<html>", says: /expected/ },
	])("is refused when its index is $text", async ({ text, says }) => {
		const folder = await checkpoints();
		await writeFile(join(folder, "sharded", INDEX), text);
		const run = await runCli(["inspect", "sharded"], { cwd: folder });
		expectFailure(run, { code: "ERR_INDEX_INVALID", says: [INDEX, says], fix: /download the index again/ });
	});
});

describe("avg --max-shard-size", () => {
	it("writes shards and an index that read as the single file does", async () => {
		const folder = await checkpoints();
		const run = await runCli(["avg", "single", "single", "-o", "out", "--max-shard-size", "20"], { cwd: folder });
		expectSuccess(run, [/no configuration/]);
		expect(await namesIn(join(folder, "out"))).toEqual([
			"model-00001-of-00003.safetensors",
			"model-00002-of-00003.safetensors",
			"model-00003-of-00003.safetensors",
			INDEX,
			"soup.json",
		]);
		expect(await runCli(["diff", "out", "single"], { cwd: folder })).toMatchObject({ exitCode: 0, stderr: "" });
		const inspected = await runCli(["inspect", "out", "--data", "--json"], { cwd: folder });
		const single = await runCli(["inspect", "single", "--data", "--json"], { cwd: folder });
		const [sharded, whole] = [inspected, single].map(({ stdout }) => JSON.parse(stdout).result);
		expect(sharded.data).toEqual(whole.data);
		expect(sharded.recipe).toEqual(JSON.parse(await readFile(join(folder, "out", "soup.json"), "utf8")));
		expect(JSON.parse(await readFile(join(folder, "out", INDEX), "utf8")).metadata.total_size).toBe(44);
	});

	it("writes one file when all fits into it", async () => {
		const folder = await checkpoints();
		const run = await runCli(["avg", "sharded", "-o", "out", "--max-shard-size", "5GB"], { cwd: folder });
		expectSuccess(run, [/one input/]);
		expect(await namesIn(join(folder, "out"))).toEqual(["model.safetensors", "soup.json"]);
	});

	it("is refused for OpenCLIP names, whose loader reads no shards", async () => {
		const folder = await temporaryFolder();
		await writeCheckpoint(join(folder, "in.safetensors"), { "visual.proj": f32(1, 2) });
		const run = await runCli(["avg", "in.safetensors", "-o", "out", "--max-shard-size", "4"], { cwd: folder });
		expectFailure(run, { code: "ERR_USAGE", says: ["open_clip reads no shards"], fix: /leave --max-shard-size out/ });
		expect(await namesIn(folder)).toEqual(["in.safetensors"]);
	});

	it("leaves no shard when a tensor of the last one is not finite", async () => {
		const folder = await checkpoints();
		await mkdir(join(folder, "out"));
		await writeCheckpoint(join(folder, "nan.safetensors"), { ...TENSORS, "vision_model.d": f32(Number.NaN) });
		const names = await namesIn(folder);
		const run = await runCli(["avg", "single", "nan.safetensors", "-o", "out", "--max-shard-size", "20"], {
			cwd: folder,
		});
		expectFailure(run, { code: "ERR_NON_FINITE", says: ["vision_model.d"], fix: /--allow-nonfinite/ });
		expect(await namesIn(folder)).toEqual(names);
	});
});
