import { chmod, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { asOrdinaryUser, expectFailure, expectSuccess, namesIn } from "./expectations.ts";
import { readSafetensors } from "./read-safetensors.ts";

const COMPANIONS = [
	"merges.txt",
	"open_clip_config.json",
	"special_tokens_map.json",
	"tokenizer.json",
	"tokenizer_config.json",
	"vocab.json",
];

/** Copies of the two digit checkpoints, to be spoilt. */
async function digits(): Promise<string> {
	const folder = await temporaryFolder();
	await chmod(folder, 0o777);
	for (const name of ["augreg", "rewind"]) {
		await cp(resolve("fixtures/digits-clip", name), join(folder, name), { recursive: true });
	}
	return folder;
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
	const before = await readFile(file, "utf8");
	const after = change(before);
	expect(after).not.toBe(before);
	await writeFile(file, after);
}

const AVG = ["avg", "augreg", "rewind", "-o", "out"];

describe("avg into a folder", () => {
	it("copies the first input's companions byte for byte", async () => {
		const folder = await digits();
		expectSuccess(await runCli(AVG, { cwd: folder }));
		expect(await namesIn(join(folder, "out"))).toEqual(
			[...COMPANIONS, "open_clip_model.safetensors", "soup.json"].sort(),
		);
		for (const name of COMPANIONS) {
			expect(await readFile(join(folder, "out", name))).toEqual(await readFile(join(folder, "augreg", name)));
		}
	});

	it("writes the recipe of the header beside it as soup.json", async () => {
		const folder = await digits();
		expectSuccess(await runCli([...AVG, "--weights", "0.25,0.75"], { cwd: folder }));
		const { metadata } = await readSafetensors(join(folder, "out", "open_clip_model.safetensors"));
		const recipe = JSON.parse(metadata.clip_soup ?? "");
		expect(recipe).toMatchObject({ weights: [0.25, 0.75], inputs: [{ name: "augreg" }, { name: "rewind" }] });
		expect(JSON.parse(await readFile(join(folder, "out", "soup.json"), "utf8"))).toEqual(recipe);
	});

	it("copies nothing beside a file output", async () => {
		const folder = await digits();
		expectSuccess(await runCli(["avg", "augreg", "rewind", "-o", "out.safetensors"], { cwd: folder }));
		expect(await namesIn(folder)).not.toContain("vocab.json");
		expect((await namesIn(folder)).filter((name) => name.startsWith("out"))).toEqual(["out.safetensors"]);
	});

	it.each(["vocab.json", "tokenizer.json"])("refuses another vocabulary in %s", async (name) => {
		const folder = await digits();
		await edit(join(folder, "rewind", name), (text) => text.replace(/": ?0\b/, '": 1000001'));
		expectFailure(await runCli(AVG, { cwd: folder }), {
			code: "ERR_VOCABULARY_MISMATCH",
			says: [`"${name}" of input 2`, "another vocabulary than that of input 1"],
			fix: /one vocabulary, or give the weight files/,
		});
		expect(await namesIn(folder)).not.toContain("out");
	});

	it("refuses another architecture", async () => {
		const folder = await digits();
		await edit(join(folder, "rewind", "open_clip_config.json"), (text) =>
			text.replace(/"context_length": ?\d+/, '"context_length": 3'),
		);
		expectFailure(await runCli(AVG, { cwd: folder }), {
			code: "ERR_ARCHITECTURE_MISMATCH",
			says: ['"open_clip_config.json" of input 2', "another architecture"],
			fix: /one architecture/,
		});
		expect(await namesIn(folder)).not.toContain("out");
	});

	it("reports companions and tensors that do not fit at once", async () => {
		const folder = await digits();
		await edit(join(folder, "rewind", "merges.txt"), (text) => `${text}x y\n`);
		await cp(resolve("fixtures/averaging/a.safetensors"), join(folder, "rewind", "open_clip_model.safetensors"));
		const run = await runCli([...AVG, "--json"], { cwd: folder });
		const { error } = JSON.parse(run.stdout);
		const codes = new Set(error.details.faults.map(({ code }: { code: string }) => code));
		expect(codes).toContain("ERR_VOCABULARY_MISMATCH");
		expect(codes.size).toBeGreaterThan(1);
		expect(run.exitCode).toBe(3);
	});

	it("lists other differences and copies the first input's files", async () => {
		const folder = await digits();
		await edit(join(folder, "rewind", "special_tokens_map.json"), (text) => `${text}\n`);
		await edit(join(folder, "rewind", "open_clip_config.json"), (text) => `${text}\n`);
		await rm(join(folder, "rewind", "tokenizer_config.json"));
		await writeFile(join(folder, "rewind", "preprocessor_config.json"), "{}");
		const run = await runCli(AVG, { cwd: folder });
		expectSuccess(run, [
			/note: special_tokens_map\.json: input 2 differs from input 1, whose file is copied/,
			/note: open_clip_config\.json: input 2 differs/,
			/note: tokenizer_config\.json: input 1 has it, input 2 has not/,
			/note: preprocessor_config\.json: input 2 has it, input 1 has not; it is not copied/,
		]);
		expect(await namesIn(join(folder, "out"))).not.toContain("preprocessor_config.json");
	});

	it("refuses a companion that cannot be read", async () => {
		const folder = await digits();
		await chmod(join(folder, "augreg", "vocab.json"), 0);
		expectFailure(await runCli(AVG, { cwd: folder, ...asOrdinaryUser() }), {
			code: "ERR_INPUT_UNREADABLE",
			says: ["augreg/vocab.json"],
			fix: /permissions/,
		});
		expect(await namesIn(folder)).not.toContain("out");
	});

	it("copies no file that it does not know", async () => {
		const folder = await digits();
		await writeFile(join(folder, "augreg", "optimizer.pt"), "x");
		await writeFile(join(folder, "augreg", ".env"), "HF_TOKEN=secret");
		expectSuccess(await runCli(AVG, { cwd: folder }));
		const names = await namesIn(join(folder, "out"));
		expect(names).not.toContain("optimizer.pt");
		expect(names).not.toContain(".env");
	});
});
