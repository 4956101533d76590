import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/index.ts";
import { expectDone, expectFailure, namesIn } from "../cli/expectations.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { changedCopy, digestsOf, digitsPath, filesOf, layoutPath, libraryDigests } from "./fixtures.ts";

const VIT = layoutPath("vit-f16", "openclip");
const CONVNEXT = layoutPath("convnext-mlp", "openclip");

describe("convert -o", () => {
	it("makes a folder with its parents, weights and configuration", async () => {
		const cwd = await temporaryFolder();
		expectDone(await runCli(["convert", CONVNEXT, "--to", "hf", "-o", "deep/er"], { cwd }));
		expect(await namesIn(join(cwd, "deep", "er"))).toEqual([
			"soup.json",
			"text",
			"text/config.json",
			"text/model.safetensors",
			"vision",
			"vision/config.json",
			"vision/model.safetensors",
			"vision/preprocessor_config.json",
		]);
	});

	it("FILE writes the weights alone", async () => {
		const cwd = await temporaryFolder();
		expectDone(await runCli(["convert", VIT, "--to", "timm", "-o", "tower.safetensors"], { cwd }));
		expect(await namesIn(cwd)).toEqual(["tower.safetensors"]);
		expect(await digestsOf(join(cwd, "tower.safetensors"))).toEqual(await libraryDigests("vit-f16", "timm"));
	});

	it.each([
		{ what: "two layouts", args: [VIT, "--to", "timm,hf"], says: "more than one weight file" },
		{ what: "a pair of folders", args: [CONVNEXT, "--to", "hf"], says: "more than one weight file" },
		{ what: "shards", args: [VIT, "--to", "hf", "--max-shard-size", "50KB"], says: "the output is one file" },
	])("FILE is refused for $what", async ({ args, says }) => {
		const cwd = await temporaryFolder();
		const run = await runCli(["convert", ...args, "-o", "out.safetensors"], { cwd });
		expectFailure(run, { code: "ERR_USAGE", says: [says], fix: /folder/ });
		expect(await namesIn(cwd)).toEqual([]);
	});

	it("is required, and an empty one is not the current folder", async () => {
		const cwd = await temporaryFolder();
		expectFailure(await runCli(["convert", VIT, "--to", "hf"], { cwd }), {
			code: "ERR_USAGE",
			says: ["--output"],
			fix: /--help/,
		});
		expectFailure(await runCli(["convert", VIT, "--to", "hf", "-o", ""], { cwd }), {
			code: "ERR_USAGE",
			says: ['--output ""'],
			fix: /--help/,
		});
		expect(await namesIn(cwd)).toEqual([]);
	});

	it("refuses names that exist, whichever they are, and --force replaces exactly these", async () => {
		const cwd = await temporaryFolder();
		await mkdir(join(cwd, "out", "text"), { recursive: true });
		await writeFile(join(cwd, "out", "text", "config.json"), "mine");
		await writeFile(join(cwd, "out", "README.md"), "mine");
		const args = ["convert", CONVNEXT, "--to", "hf", "-o", "out"];
		expectFailure(await runCli(args, { cwd }), {
			code: "ERR_OUTPUT_EXISTS",
			says: ["text/config.json"],
			fix: /--force/,
		});
		expect(await namesIn(cwd)).toEqual(["out", "out/README.md", "out/text", "out/text/config.json"]);
		expect(await readFile(join(cwd, "out/text/config.json"), "utf8")).toBe("mine");
		expectDone(await runCli([...args, "--force"], { cwd }));
		expect(await readFile(join(cwd, "out/README.md"), "utf8")).toBe("mine");
		expect(await digestsOf(join(cwd, "out", "text"))).toEqual(await libraryDigests("convnext-mlp", "hf/text"));
	});

	it.each([
		{ what: "the input's folder", from: "in", output: "in", to: "openclip" },
		{ what: "a link to it", from: "in", output: "link", to: "openclip" },
		{ what: "the folder that a layout's is made in", from: "all/openclip", output: "all", to: "openclip,timm" },
		{ what: "the folder of --text", from: "tower", output: "in", to: "openclip", more: ["--text", "in"] },
	])("refuses to overwrite an input, even with --force: $what", async ({ from, output, to, more = [] }) => {
		const cwd = await temporaryFolder();
		await cp(VIT, join(cwd, "in"), { recursive: true });
		await cp(VIT, join(cwd, "all", "openclip"), { recursive: true });
		await cp(layoutPath("vit-f16", "timm"), join(cwd, "tower"), { recursive: true });
		await symlink("in", join(cwd, "link"));
		const before = await filesOf(cwd);
		const run = await runCli(["convert", from, "--to", to, "-o", output, "--force", ...more], { cwd });
		expectFailure(run, { code: "ERR_OUTPUT_IS_INPUT", says: [/it is (in )?the input/], fix: /never overwritten/ });
		expect(await filesOf(cwd)).toEqual(before);
	});
});

describe("a failure under way", () => {
	it("leaves nothing behind, not even folders that it made", async () => {
		const cwd = await temporaryFolder();
		const input = await changedCopy(layoutPath("vit-f16", "timm"), join(cwd, "in"), {
			tensors: (tensors) => tensors.set("head.bias", { dtype: "F16", shape: [48], values: [0, 1] }),
		});
		const before = await namesIn(cwd);
		const run = ["convert", input, "--text", VIT, "--to", "openclip,hf", "-o", "deep/out"];
		expectFailure(await runCli(run, { cwd }), { code: "ERR_VALUE_MISMATCH", says: ["head.bias"], fix: /--drop/ });
		expect(await namesIn(cwd)).toEqual(before);
	});

	it("leaves what --force would have replaced", async () => {
		const cwd = await temporaryFolder();
		await convert(VIT, { to: ["openclip"], output: join(cwd, "out"), fsync: false });
		const before = await filesOf(join(cwd, "out"));
		const input = await changedCopy(layoutPath("vit-f16", "timm"), join(cwd, "in"), {
			tensors: (tensors) => tensors.set("head.bias", { dtype: "F16", shape: [48], values: [0, 1] }),
		});
		const run = await runCli(["convert", input, "--text", VIT, "--to", "openclip", "-o", "out", "--force"], { cwd });
		expect(run.exitCode).toBe(3);
		expect(await filesOf(join(cwd, "out"))).toEqual(before);
	});
});

describe("convert --dry-run", () => {
	it("tells what would be written, and writes nothing", async () => {
		const cwd = await temporaryFolder();
		const args = ["convert", digitsPath("augreg"), "--to", "openclip,hf", "-o", "out"];
		const run = await runCli([...args, "--dry-run"], { cwd });
		expectDone(run);
		expect(run.stdout).toMatch(/^from .*openclip, by \d+ of \d+ tensor names/m);
		expect(run.stdout).toMatch(/^to +openclip, hf-pair$/m);
		expect(run.stdout).toMatch(/^memory +at most /m);
		expect(run.stdout).toContain("dry run: nothing was written");
		expect(await namesIn(cwd)).toEqual([]);
		const [planned, done] = [
			await runCli([...args, "--dry-run", "--json"], { cwd }),
			await runCli([...args, "--json"], { cwd }),
		];
		const { dryRun: _, ...plan } = JSON.parse(planned.stdout).result;
		const { dryRun, ...result } = JSON.parse(done.stdout).result;
		expect(dryRun).toBe(false);
		expect(result).toEqual(plan);
		expect(result.files.toSorted()).toEqual(Object.keys(await filesOf(join(cwd, "out"))).toSorted());
	});

	it("refuses what the run would refuse", async () => {
		const cwd = await temporaryFolder();
		await mkdir(join(cwd, "out"));
		await writeFile(join(cwd, "out", "config.json"), "");
		const run = await runCli(["convert", VIT, "--to", "hf", "-o", "out", "--dry-run"], { cwd });
		expectFailure(run, { code: "ERR_OUTPUT_EXISTS", says: ["config.json"], fix: /--force/ });
	});
});

describe("convert --json", () => {
	it("is one document that tells source, architecture, targets and recipe", async () => {
		const cwd = await temporaryFolder();
		const input = layoutPath("convnext-mlp", "hf-dual");
		const run = await runCli(["convert", input, "--to", "timm", "-o", "out", "--json"], { cwd });
		expectDone(run);
		const document = JSON.parse(run.stdout);
		expect(document).toMatchObject({ schemaVersion: 1, command: "convert", outcome: "ok", exitCode: 0 });
		expect(document.result).toMatchObject({
			dryRun: false,
			output: "out",
			from: [{ path: input, layout: "hf-dual", evidence: expect.stringMatching(/^\d+ of \d+ tensor names/) }],
			architecture: { embedDim: 48, vision: { family: "convnext", head: "mlp", dims: [16, 24, 32, 48] } },
			targets: ["timm"],
			files: ["model.safetensors", "soup.json", "config.json"],
			tensors: 67,
			recipe: { method: "convert", weights: null, inputs: [{ name: "hf-dual" }] },
			notices: expect.any(Array),
		});
		expect(await readdir(join(cwd, "out"))).toHaveLength(3);
	});

	it("lists every fault", async () => {
		const cwd = await temporaryFolder();
		const run = await runCli(["convert", VIT, "--to", "hf", "--arch", "ViT-B-32", "-o", "out", "--json"], { cwd });
		const { outcome, exitCode, error } = JSON.parse(run.stdout);
		expect({ outcome, exitCode, code: error.code }).toEqual({
			outcome: "error",
			exitCode: 3,
			code: "ERR_ARCHITECTURE_MISMATCH",
		});
		expect(error.details.faults).toHaveLength(12);
	});
});

it("records how it was made: in the metadata, and readable beside the weights", async () => {
	const cwd = await temporaryFolder();
	await convert(layoutPath("convnext-mlp", "hf-dual"), { to: ["timm"], output: join(cwd, "timm"), fsync: false });
	const text = layoutPath("convnext-mlp", "hf", "text");
	await convert(join(cwd, "timm"), { to: ["openclip"], text, output: join(cwd, "back"), fsync: false });
	const recipe = JSON.parse(await readFile(join(cwd, "back", "soup.json"), "utf8"));
	expect(recipe).toMatchObject({ method: "convert" });
	expect(recipe.inputs[0].files.map(({ name }: { name: string }) => name)).toEqual([
		"timm/model.safetensors",
		"text/model.safetensors",
	]);
	expect(JSON.stringify(recipe)).not.toContain(cwd);
});
