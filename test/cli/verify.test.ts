import { cp, mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { verificationDocument } from "../../src/reports/schema.ts";
import { verify } from "../../src/verify.ts";
import { jsonAt } from "../convert/fixtures.ts";
import { writeKeys } from "../signing/folders.ts";
import { type CliRun, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";

const VIT = resolve("fixtures/onnx/vit/openclip");
const QUICK = resolve("fixtures/onnx/vit-quickgelu/openclip");
const TIMM = resolve("fixtures/layouts/vit-f16/timm");
const NO_CLIP = resolve("fixtures/averaging/a.safetensors");
const WEIGHTS = "open_clip_model.safetensors";

/** The document on stdout, which has to be all of it, in the form of the schema. */
function documentOf({ stdout }: CliRun) {
	return verificationDocument.parse(JSON.parse(stdout));
}

/** A folder with `model/`, a copy of a model, and its lock. */
async function workspace(model = VIT) {
	const folder = await temporaryFolder();
	await cp(model, join(folder, "model"), { recursive: true });
	const lock = join(folder, "model.lock.json");
	await verify(join(folder, "model"), { writeLock: lock, forward: false, threads: 1 });
	return { folder, lock };
}

describe("verify", () => {
	it("prints every check with its figures and ends with 0", async () => {
		const run = await runCli(["verify", VIT, "--same-as", VIT]);
		expect(run).toMatchObject({ exitCode: 0, stderr: "" });
		const lines = run.stdout
			.replaceAll(VIT, "VIT")
			.replace(/ +\d+\.\d\d s/g, " s")
			.split("\n");
		expect(lines.slice(0, 4)).toEqual([
			"model  VIT",
			"       ViT 2×60/12 0.1 M @ 48 + text 2×48 0.1 M, embed 48",
			"",
			"✓ CS001 container s  1 weight file, 62 tensors, 864660 bytes",
		]);
		expect(lines).toContain("✓ CS006 finite s  214603 elements of 62 float tensors");
		expect(lines).toContain('✓ CS010 layouts s  "VIT": 1 − cos image 0.0e+0, text 0.0e+0; limit 1e-9');
		expect(lines.slice(-3)).toEqual(["", "7 passed, 0 failed, 0 skipped", ""]);
	});

	it("ends with 1 if a check fails, and says what probably happened", async () => {
		const { folder } = await workspace();
		const config = join(folder, "model/open_clip_config.json");
		const json = await jsonAt(config);
		json.model_cfg.quick_gelu = true;
		await writeFile(config, JSON.stringify(json));
		const run = await runCli(["verify", "model", "--lock", "model.lock.json", "--no-forward"], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 1, stderr: "" });
		expect(run.stdout).toContain(
			"    error: quickGelu is true, the lock has false\n      likely cause: quick_gelu mix-up\n",
		);
		expect(run.stdout).toContain("– CS011 features       skipped: --no-forward\n");
		expect(run.stdout).toMatch(/\n7 passed, 1 failed, 1 skipped\n$/);
	});

	it("with --json prints one document in the form of the schema, with every finding", async () => {
		const { folder } = await workspace();
		await cp(join(QUICK, WEIGHTS), join(folder, "model", WEIGHTS));
		const args = ["verify", "model/open_clip_model.safetensors", "--lock", "model.lock.json", "--no-forward", "--json"];
		const run = await runCli(args, { cwd: folder });
		const document = documentOf(run);
		expect(run).toMatchObject({ exitCode: 1, stderr: "" });
		expect(document).toMatchObject({
			outcome: "findings",
			exitCode: 1,
			result: { path: "model/open_clip_model.safetensors" },
		});
		expect(JSON.stringify(document)).not.toContain(folder);
	});

	it("of one tower, without a text tower, with quiet streams", async () => {
		const run = await runCli(["verify", TIMM, "--tower", "image", "--quiet", "--json"]);
		expect(run).toMatchObject({ exitCode: 0, stderr: "" });
		expect(documentOf(run)).toMatchObject({
			outcome: "ok",
			result: { checks: expect.arrayContaining([expect.objectContaining({ check: "CS011", status: "passed" })]) },
		});
	});

	it("--fail-on warning ends with 1 where --fail-on error ends with 0", async () => {
		const { folder } = await workspace();
		const args = ["verify", TIMM, "--lock", "lock.json", "--no-forward", "--quiet"];
		await verify(resolve("fixtures/layouts/vit-f16/openclip"), {
			writeLock: join(folder, "lock.json"),
			forward: false,
		});
		const [strict, lenient] = await Promise.all([
			runCli([...args, "--fail-on", "warning"], { cwd: folder }),
			runCli(args, { cwd: folder }),
		]);
		expect([strict.exitCode, lenient.exitCode]).toEqual([1, 0]);
		expect(strict.stdout).toContain("warning: There is no text tower");
		expect(lenient.stdout).toMatch(/, 2 warnings\n$/);
	});
});

describe("verify ends with 2", () => {
	const cases: readonly (readonly [title: string, args: readonly string[], message: string])[] = [
		["for an unknown tower", [VIT, "--tower", "both"], 'Cannot use --tower "both": expected one of image, text'],
		["for an unknown level", [VIT, "--fail-on", "note"], 'Cannot use --fail-on "note": expected one of error, warning'],
		["for an unknown report", [VIT, "--report", "xml=a"], 'Cannot use --report "xml=a": found "xml"'],
		["for a tower that is not there", [TIMM, "--tower", "text"], "error[ERR_NOTHING_TO_CHECK]: Cannot run"],
		["for a key without a signature", [VIT, "--key", "a.pem"], "Cannot use --key: found no --signature"],
		["for a limit that is none", [VIT, "--cos-limit", "3"], 'Cannot use --cos-limit "3"'],
	];
	it.concurrent.each(cases)("%s", async (_, args, message) => {
		const run = await runCli(["verify", ...args]);
		expect(run).toMatchObject({ exitCode: 2, stdout: "" });
		expect(run.stderr).toContain(message);
	});

	it("without a configuration, and tells what to give", async () => {
		const folder = await temporaryFolder();
		await cp(join(VIT, WEIGHTS), join(folder, WEIGHTS));
		const run = await runCli(["verify", folder]);
		expect(run).toMatchObject({ exitCode: 2, stdout: "" });
		expect(run.stderr).toMatch(/found nothing that tells quickGelu, vision\.heads, .*expected a config or a preset/);
		expect(run.stderr).toMatch(/fix: .*--arch-config.*--arch/);
	});

	it("for a lock that was edited by hand", async () => {
		const { folder, lock } = await workspace();
		await writeFile(lock, (await readFile(lock, "utf8")).replace(/"name": "ln_final.bias"/, '"name": "ln_final.beta"'));
		const run = await runCli(["verify", "model", "--lock", lock, "--json"], { cwd: folder });
		expect(run.exitCode).toBe(2);
		expect(documentOf(run)).toMatchObject({ outcome: "error", error: { code: "ERR_LOCK_INVALID" } });
	});
});

describe("verify of what is no CLIP", () => {
	it("fails, and says what was expected", async () => {
		const run = await runCli(["verify", NO_CLIP]);
		expect(run.exitCode).toBe(1);
		expect(run.stdout).toMatch(
			/✗ CS003 .*\n {4}error: Cannot read "a\.safetensors": found 10 tensors, none with a name of/,
		);
	});
});

describe("verify --report", () => {
	const reports = "junit=r/junit.xml,sarif=r/sarif.json,markdown=r/report.md,json=r/report.json,github";

	it("writes all kinds, replaces older ones, and adds to the job's summary", async () => {
		const { folder } = await workspace();
		await mkdir(join(folder, "r"));
		await writeFile(join(folder, "r/junit.xml"), "older");
		const run = await runCli(["verify", "model", "--quiet", "--report", reports], {
			cwd: folder,
			env: { GITHUB_STEP_SUMMARY: join(folder, "summary.md") },
		});
		expect(run).toMatchObject({ exitCode: 0, stderr: "" });
		expect((await readdir(join(folder, "r"))).sort()).toEqual(["junit.xml", "report.json", "report.md", "sarif.json"]);
		expect(await readFile(join(folder, "r/junit.xml"), "utf8")).toContain('tests="6" failures="0"');
		expect(await readFile(join(folder, "summary.md"), "utf8")).toContain("✅ passed");
		const report = await jsonAt(folder, "r/report.json");
		verificationDocument.parse(report);
		expect(report.result.modelDigest).toBe((await jsonAt(folder, "model.lock.json")).modelDigest);
	});

	it("tells a truncated file as a failure of CS001, and ends with 3", async () => {
		const { folder } = await workspace();
		await mkdir(join(folder, "r"));
		await truncate(join(folder, "model", WEIGHTS), 500_000);
		const run = await runCli(["verify", "model", "--json", "--report", reports], { cwd: folder });
		expect(run.exitCode).toBe(3);
		expect(documentOf(run)).toMatchObject({ outcome: "error", exitCode: 3, error: { code: "ERR_FILE_TRUNCATED" } });
		const found = "found 500000 bytes, expected 864660 as its header says";
		expect(run.stderr).toContain(`::error file=model/${WEIGHTS},title=CS001 container`);
		const junit = await readFile(join(folder, "r/junit.xml"), "utf8");
		expect(junit).toMatch(/name="CS001 [^"]*"[^>]*>\s*<failure type="CS001"/);
		expect(junit).toContain(found);
		const sarif = await jsonAt(folder, "r/sarif.json");
		expect(sarif.runs[0].results).toContainEqual(expect.objectContaining({ ruleId: "CS001", level: "error" }));
		expect(await readFile(join(folder, "r/report.md"), "utf8")).toContain(found);
		expect(await jsonAt(folder, "r/report.json")).toMatchObject({ error: { code: "ERR_FILE_TRUNCATED" } });
	});

	it("refuses a place where nothing can be written before it looks at the model", async () => {
		const run = await runCli(["verify", "nowhere", "--report", "junit=/no/such/folder/r.xml"]);
		expect(run).toMatchObject({ exitCode: 9, stdout: "" });
		expect(run.stderr).toContain('folder "/no/such/folder" does not exist');
	});
});

describe("verify --write-lock", () => {
	it("writes a lock that the model passes, and replaces a lock", async () => {
		const { folder, lock } = await workspace();
		const before = await readFile(lock, "utf8");
		const run = await runCli(["verify", "model", "--write-lock", lock], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 0, stderr: `note: the lock is in "${lock}"\n` });
		expect(await readFile(lock, "utf8")).not.toBe(before);
		expect((await runCli(["verify", "model", "--lock", lock], { cwd: folder })).exitCode).toBe(0);
	});

	it("refuses to replace another file, before it looks at the model", async () => {
		const folder = await temporaryFolder();
		await writeFile(join(folder, "package.json"), "{}");
		const run = await runCli(["verify", "nowhere", "--write-lock", "package.json"], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 4, stdout: "" });
		expect(run.stderr).toContain("error[ERR_OUTPUT_EXISTS]");
		expect(await readFile(join(folder, "package.json"), "utf8")).toBe("{}");
	});

	it("writes none if a check fails", async () => {
		const { folder, lock } = await workspace();
		await cp(resolve("fixtures/digits-clip/augreg"), join(folder, "other"), { recursive: true });
		const args = ["verify", "other", "--lock", lock, "--write-lock", "new.json", "--no-forward"];
		const run = await runCli(args, { cwd: folder });
		expect(run).toMatchObject({ exitCode: 1, stderr: "note: no lock is written: a check failed\n" });
		expect(run.stdout).toContain("likely cause: a lock of another model");
		expect(await readdir(folder)).not.toContain("new.json");
	});
});

it("verify checks what sign has signed", async () => {
	const { folder } = await workspace();
	const { privateKey, publicKey } = await writeKeys(folder, "P-256");
	await runCli(["sign", "model", "--key", privateKey], { cwd: folder });
	const args = ["verify", "model", "--no-forward", "--signature", "model/model.sig", "--key", publicKey];
	expect(await runCli(args, { cwd: folder })).toMatchObject({ exitCode: 0, stderr: "" });
});

describe("verify --help", () => {
	let help: string;
	beforeAll(async () => {
		help = (await runCli(["verify", "--help"])).stdout;
	});

	it("tells every option", () => {
		const flags = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag);
		expect(flags).toEqual([
			"--soup-of",
			"--weights",
			"--no-normalize",
			"--keep",
			"--recipe",
			"--recover",
			"--same-as",
			"--lock",
			"--any-repo",
			"--write-lock",
			"--signature",
			"--key",
			"--ignore-unsigned",
			"--no-forward",
			"--tower",
			"--cos-limit",
			"--text",
			"--logit-scale",
			"--download",
			"--arch",
			"--arch-config",
			"--report",
			"--fail-on",
			"--threads",
			"--json",
			"--quiet",
		]);
	});

	it("shows examples and the exit status of a failed check", () => {
		expect(help).toContain("Ends with 1 if a check fails.");
		expect(help).toContain("$ clip-soup verify soup/ --soup-of augreg/ rewind/");
	});
});
