import { readFileSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { commitsOf, REPO, soupFolder, writesIn } from "../publishing/publishing.ts";
import { WRITER } from "../support/hub/accounts.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { type CliRun, runCli } from "../support/run-cli.ts";

let double: HubDouble;
let folder: string;

beforeEach(async () => {
	double = await startHub();
	folder = await soupFolder();
});

const NO_CI = { GITHUB_ACTIONS: "", GITHUB_STEP_SUMMARY: "", GITHUB_OUTPUT: "", HF_TOKEN: "", HF_OIDC_RESOURCE: "" };

function run(args: readonly string[], env: Readonly<Record<string, string>> = { HF_TOKEN: WRITER }): Promise<CliRun> {
	return runCli(["publish", folder, "--repo", REPO, ...args], {
		env: { ...NO_CI, HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", ...env },
	});
}

test("a dry run prints the plan and sends nothing", async () => {
	double.repository(REPO, { isPrivate: true }).add({ "open_clip_model.safetensors": "older", "notes.txt": "theirs" });
	const { exitCode, stdout, stderr } = await run(["--license", "mit", "--dry-run"]);
	expect([exitCode, stderr]).toEqual([0, ""]);
	expect(stdout).toMatch(/^repository {2}org\/soup, private, at [0-9a-f]{7}\ntarget {6}a new pull request\n/);
	expect(stdout).toMatch(/^replace {2}open_clip_model\.safetensors +1\.81 MB {2}sha256 [0-9a-f]{8} → [0-9a-f]{8}$/m);
	expect(stdout).toMatch(/^keep +notes\.txt +6 B$/m);
	expect(stdout).toMatch(/^token +HF_TOKEN: ann, write$/m);
	expect(stdout).toMatch(/would open a pull request: send 9 files, 1\.\d+ MB\ndry run: nothing was sent\n$/);
	expect(writesIn(double)).toEqual([]);
});

test("--json prints one document with the receipt, and a refusal with its code", async () => {
	const { exitCode, stdout, stderr } = await run([
		"--license",
		"mit",
		"--create",
		"--tag",
		"v1",
		"--json",
		"--seed",
		"7",
	]);
	expect([exitCode, stderr]).toEqual([0, ""]);
	const { command, outcome, result } = JSON.parse(stdout);
	expect({ command, outcome }).toEqual({ command: "publish", outcome: "ok" });
	expect(result.receipt).toEqual(JSON.parse(readFileSync(join(dirname(folder), "soup.receipt.json"), "utf8")));
	expect(result.receipt).toMatchObject({ tag: "v1", verified: { seed: 7 } });
	await writeFile(join(folder, ".env"), "x");
	const refused = await run(["--license", "mit", "--json"]);
	expect(refused.exitCode).toBe(4);
	expect(JSON.parse(refused.stdout).error).toMatchObject({ code: "ERR_UNSAFE_FILE" });
});

test("prints no token and no presigned URL, however it ends", async () => {
	double.repository(REPO, { isPrivate: true }).add({ "old.txt": "old" });
	double.faults.add({ route: "storage-put", effect: { kind: "status", status: 413 } });
	const failed = await run(["--license", "mit"]);
	expect(failed.exitCode).toBe(6);
	const done = await run(["--license", "mit", "--json"]);
	expect(done.exitCode).toBe(0);
	const journal = await readFile(join(dirname(folder), "soup.receipt.json"), "utf8");
	const said = [
		failed.stdout,
		failed.stderr,
		done.stdout,
		done.stderr,
		journal,
		JSON.stringify(double.requests),
	].join();
	expect(said.replace(/X-Amz[^"]*"/g, "")).not.toContain(WRITER);
	expect([failed.stdout, failed.stderr, done.stdout, done.stderr, journal].join()).not.toMatch(
		/X-Amz|hf_[A-Za-z0-9]{8}/,
	);
});

describe("the token", () => {
	test("comes from a file, whose permissions are told, or from stdin", async () => {
		double.repository(REPO, { isPrivate: true });
		const path = join(dirname(folder), "token");
		await writeFile(path, `${WRITER}\n`);
		await chmod(path, 0o644);
		const fromFile = await run(["--license", "mit", "--dry-run", "--token-file", path], {});
		expect(fromFile.exitCode).toBe(0);
		expect(fromFile.stderr).toContain(`note: other users can read your token: chmod 600 ${path}`);
		const fromStdin = await runCli(
			["publish", folder, "--repo", REPO, "--license", "mit", "--dry-run", "--token-stdin"],
			{
				env: { ...NO_CI, HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", TOKEN_PATH: path },
				shell: 'exec < "$TOKEN_PATH"',
			},
		);
		expect(fromStdin).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^token +stdin: ann, write$/m) });
		const fromNothing = await run(["--token-stdin"], {});
		expect(fromNothing.exitCode).toBe(2);
		expect(fromNothing.stderr).toContain("Cannot use the token from stdin: found nothing");
	});

	test("has no flag that takes it", async () => {
		const { exitCode, stderr } = await run(["--token", WRITER]);
		expect(exitCode).toBe(2);
		expect(stderr).not.toContain(WRITER);
	});

	test("comes from OIDC on GitHub Actions, and is masked before it is used", async () => {
		double.repository(REPO, { isPrivate: true });
		double.identityTokens.set("header.identity.signature", REPO);
		const asked: string[] = [];
		const actions = createServer((request, response) => {
			asked.push(`${request.url} ${request.headers.authorization}`);
			response.end(JSON.stringify({ value: "header.identity.signature" }));
		});
		await new Promise<void>((resolve) => actions.listen(0, "127.0.0.1", resolve));
		onTestFinished(() => void actions.close());
		const address = actions.address();
		const port = typeof address === "object" ? address?.port : 0;
		const env = {
			GITHUB_ACTIONS: "true",
			HF_OIDC_RESOURCE: REPO,
			ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2`,
			ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-secret",
		};
		const { exitCode, stdout, stderr } = await run(["--license", "mit", "--json"], env);
		expect(exitCode).toBe(0);
		expect(asked).toEqual(["/token?api-version=2&audience=https%3A%2F%2Fhuggingface.co Bearer request-secret"]);
		const [first, second, ...rest] = stderr.split("\n");
		expect(first).toBe("::add-mask::header.identity.signature");
		expect(second).toMatch(/^::add-mask::hf_jwt_/);
		expect(`${rest.join("\n")}${stdout}`).not.toMatch(/hf_jwt|identity\.signature|request-secret/);
		expect(JSON.parse(stdout).result.token).toBe("OIDC for org/soup");
	});

	test("is not given to a job that the Hub does not trust, or that has no identity", async () => {
		double.repository(REPO, { isPrivate: true });
		const env = { HF_OIDC_RESOURCE: REPO, HF_OIDC_ID_TOKEN: "header.other.signature" };
		const refused = await run(["--license", "mit"], env);
		expect(refused.exitCode).toBe(5);
		expect(refused.stderr).toContain("error[ERR_HUB_AUTH]: Cannot get a token");
		expect(refused.stderr).not.toContain("other.signature");
		expect((await run(["--license", "mit"], { HF_OIDC_RESOURCE: REPO })).exitCode).toBe(2);
		expect(commitsOf(double)).toBe(0);
	});
});

test("--report github annotates, summarises and sets outputs", async () => {
	const [summary, output] = [join(dirname(folder), "summary.md"), join(dirname(folder), "output")];
	const env = { HF_TOKEN: WRITER, GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output };
	const done = await run(["--license", "mit", "--create", "--report", "github"], env);
	expect(done.exitCode).toBe(0);
	expect(readFileSync(summary, "utf8")).toMatch(/^### Published `org\/soup`\n\nCommit \[[0-9a-f]{12}\]/);
	expect(readFileSync(output, "utf8")).toMatch(/^commit=[0-9a-f]{40}\npr-url=\nmodel-digest=sha256:[0-9a-f]{64}\n$/);
	await writeFile(join(folder, ".env"), "x");
	const refused = await run(["--license", "mit", "--report", "github"], env);
	expect(refused.stderr).toMatch(/^::error title=ERR_UNSAFE_FILE::Cannot publish "\.env"/);
});

test.each([
	[["--pr", "--push"], "--pr with --push"],
	[["--private", "--public"], "--private with --public"],
	[["--lock", "x", "--no-lock"], "--lock with --no-lock"],
	[["--no-lock", "--lock", "x"], "--lock with --no-lock"],
	[["--card", "x", "--no-card"], "--card with --no-card"],
	[["--verify-remote", "sample:0"], "--verify-remote"],
	[["--verify-remote", "some"], "--verify-remote"],
	[["--seed", "-1"], "--seed"],
	[["--tag", "v1/"], "--tag"],
	[["--branch", "refs/pr/1"], "--branch"],
	[["--plan", "x", "--dry-run"], "--plan with --dry-run"],
	[["--report", "foo"], 'Cannot use --report "foo": expected github'],
	[["--no-card", "--notes", "n.md"], "--no-card with --notes"],
	[["--repo", "org"], "org"],
	[["--repo", "org/soup@main"], "org/soup@main"],
])("refuses %j: 2", async (args, found) => {
	const { exitCode, stderr } = await run(args);
	expect([exitCode, stderr]).toEqual([2, expect.stringContaining(found)]);
});
