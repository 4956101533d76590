import { spawnSync } from "node:child_process";
import { chmod, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { CLI, runCli } from "./support/run-cli.ts";
import { parseSmallYaml } from "./support/small-yaml.ts";
import { temporaryFolder } from "./support/tmp.ts";

const actionSchema = z.object({
	inputs: z.record(
		z.string(),
		z.object({ description: z.string(), required: z.string().optional(), default: z.string().optional() }),
	),
	outputs: z.record(z.string(), z.object({ description: z.string(), value: z.string() })),
	runs: z.object({
		using: z.literal("composite"),
		steps: z.tuple([
			z.object({ id: z.string(), shell: z.literal("bash"), env: z.record(z.string(), z.string()), run: z.string() }),
		]),
	}),
});
type Action = z.infer<typeof actionSchema>;

let action: Action;

beforeAll(async () => {
	action = actionSchema.parse(parseSmallYaml(await readFile("action.yml", "utf8")));
});

/** Stands for npx: notes what it was asked for, one argument a line with NUL after each, and runs the command of this tree. */
const NPX = `#!/usr/bin/env bash
printf '%s\\0' "$@" > "$NPX_LOG"
while [ "$1" != clip-soup ]; do shift; done
shift
exec "$NPX_NODE" "$NPX_CLI" "$@"
`;

/** A folder that has the step's surroundings: npx, and the files that GitHub gives it. */
async function workspace() {
	const cwd = await temporaryFolder();
	await mkdir(join(cwd, "bin"));
	await writeFile(join(cwd, "bin/npx"), NPX);
	await chmod(join(cwd, "bin/npx"), 0o755);
	return cwd;
}

/** Runs the action's step as GitHub does: inputs into its variables, the script with bash -eo pipefail. */
async function runAction(cwd: string, inputs: Readonly<Record<string, string>>) {
	const [step] = action.runs.steps;
	const values = new Map(
		Object.entries(action.inputs).map(([name, { default: value }]) => [name, inputs[name] ?? value ?? ""]),
	);
	const env = Object.fromEntries(
		Object.entries(step.env).map(([name, text]) => [
			name,
			text.replace(/\$\{\{ inputs\.([\w-]+) \}\}/, (_, input: string) => values.get(input) ?? ""),
		]),
	);
	const [summary, output, log] = ["summary.md", "output.txt", "npx.log"].map((name) => join(cwd, name));
	await Promise.all([summary, output, log].map((file = "") => writeFile(file, "")));
	await writeFile(join(cwd, "step.sh"), step.run);
	const { status, stdout, stderr } = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "step.sh"], {
		cwd,
		encoding: "utf8",
		env: {
			...process.env,
			...env,
			PATH: `${join(cwd, "bin")}:${process.env.PATH}`,
			TMPDIR: cwd,
			GITHUB_STEP_SUMMARY: summary,
			GITHUB_OUTPUT: output,
			NPX_LOG: log,
			NPX_NODE: process.execPath,
			NPX_CLI: CLI,
		},
	});
	const read = async (file = "") => readFile(file, "utf8");
	const outputs = [...(await read(output)).matchAll(/^([\w-]+)<<(\w+)\n([\s\S]*?)\n\2$/gm)].map(
		([, name = "", , value]) => [name, value],
	);
	return {
		status,
		stdout,
		stderr,
		summary: await read(summary),
		outputs: Object.fromEntries(outputs),
		npx: (await read(log)).split("\0").slice(0, -1),
	};
}

const PAIR = ["augreg", "rewind"].map((name) => resolve("fixtures/digits-clip", name));

describe("action.yml", () => {
	it("has the inputs and outputs that are promised, and passes each input on", () => {
		const names = ["path", "lock", "soup-of", "same-as", "reports", "version", "fail-on"];
		expect(Object.keys(action.inputs)).toEqual(names);
		for (const [name, { required, default: value }] of Object.entries(action.inputs)) {
			expect([name, required === "true"]).toEqual([name, value === undefined]);
		}
		const [step] = action.runs.steps;
		expect(Object.values(step.env)).toEqual(names.map((name) => `\${{ inputs.${name} }}`));
		expect(action.outputs).toMatchObject({
			"model-digest": { value: `\${{ steps.${step.id}.outputs.model-digest }}` },
			findings: { value: `\${{ steps.${step.id}.outputs.findings }}` },
		});
	});

	it("puts no expression into a script, and neither do the workflows", async () => {
		const scripts = [action.runs.steps[0].run];
		for (const name of await readdir(".github/workflows")) {
			const text = await readFile(join(".github/workflows", name), "utf8");
			if (name === "verify.yml") parseSmallYaml(text);
			scripts.push(
				...[...text.matchAll(/run: (?:\|\n((?: {8,}.*\n)*)|(.*))/g)].map(([, block, line]) => block ?? line ?? ""),
			);
		}
		expect(scripts.length).toBeGreaterThan(5);
		for (const script of scripts) expect(script).not.toContain("${{");
	});

	it("passes a soup: exit status 0, digest, no findings, summary", async () => {
		const cwd = await workspace();
		await runCli(["avg", ...PAIR, "-o", "soup"], { cwd });
		const run = await runAction(cwd, {
			path: "soup",
			"soup-of": `${PAIR.join("\r\n")}\r\n\r\n`,
			reports: "junit=r.xml",
		});
		expect(run).toMatchObject({ status: 0, stderr: expect.stringContaining('note: the lock is in "') });
		expect(run.outputs).toEqual({ "model-digest": expect.stringMatching(/^sha256:[0-9a-f]{64}$/), findings: "0" });
		expect(run.summary).toContain("## clip-soup verify: ✅ passed");
		expect(run.stdout).toContain("CS008 soup");
		expect(run.npx.slice(0, 4)).toEqual(["--yes", "--package=clip-soup@latest", "--", "clip-soup"]);
		expect(await readFile(join(cwd, "r.xml"), "utf8")).toContain("<testsuites");
		const { stdout } = await runCli(["inspect", join(cwd, "soup"), "--data", "--json"]);
		expect(run.outputs["model-digest"]).toBe(JSON.parse(stdout).result.data.modelDigest);
	});

	it("fails what is no soup of these: exit status 1, findings, annotations", async () => {
		const cwd = await workspace();
		const run = await runAction(cwd, { path: PAIR[0] ?? "", "soup-of": PAIR.join("\n") });
		expect(run.status).toBe(1);
		expect(Number(run.outputs.findings)).toBeGreaterThan(0);
		expect(run.stderr).toMatch(/^::error file=.*,title=CS008 soup/m);
		expect(run.summary).toContain("❌");
	});

	it("ends with the status of an input that cannot be read, and has outputs and an annotation too", async () => {
		const cwd = await workspace();
		const run = await runAction(cwd, { path: "none", "soup-of": "a\n\nb c\n", "same-as": "a\r\n\r\nb c" });
		const several = ["--soup-of=a", "--soup-of=b c", "--same-as=a", "--same-as=b c"];
		expect(run.npx.filter((argument) => /^--s/.test(argument))).toEqual(several);
		expect(run).toMatchObject({ status: 3, outputs: { "model-digest": "", findings: expect.any(String) } });
		expect(run.stderr).toMatch(/^::error title=ERR_INPUT_NOT_FOUND::/m);
	});

	it("checks against a lock, and lets warnings fail if told to", async () => {
		const cwd = await workspace();
		await cp(PAIR[0] ?? "", join(cwd, "model"), { recursive: true });
		await runCli(["verify", "model", "--write-lock", "a.lock.json", "--no-forward"], { cwd });
		const same = await runAction(cwd, { path: "model", lock: "a.lock.json" });
		expect(same).toMatchObject({ status: 0, outputs: { findings: "0" } });
		expect(same.npx).toContain("--lock=a.lock.json");
		const other = await runAction(cwd, { path: PAIR[1] ?? "", lock: "a.lock.json" });
		expect(other.status).toBe(1);
		const refused = await runAction(cwd, { path: "model", "fail-on": "nothing" });
		expect(refused.status).toBe(2);
	});

	const HOSTILE = "a b'c\"d $(touch pwned) `touch pwned`; touch pwned\n&& touch pwned";

	it("does not run what a path holds, whatever it is", async () => {
		const cwd = await workspace();
		await cp(PAIR[0] ?? "", join(cwd, HOSTILE), { recursive: true });
		const run = await runAction(cwd, { path: HOSTILE });
		expect(run).toMatchObject({ status: 0, outputs: { findings: "0" } });
		expect(run.npx.at(-1)).toBe(HOSTILE);
		expect(await readdir(cwd)).not.toContain("pwned");
	});

	it("does not run what other inputs hold", async () => {
		const cwd = await workspace();
		for (const input of ["lock", "soup-of", "same-as", "reports", "fail-on", "version"]) {
			const { status } = await runAction(cwd, { path: PAIR[0] ?? "", [input]: HOSTILE });
			expect([input, status]).not.toEqual([input, 0]);
			expect(await readdir(cwd)).not.toContain("pwned");
		}
	});

	it("takes no option for a path, and no foreign package for a version", async () => {
		const cwd = await workspace();
		const run = await runAction(cwd, { path: "--help" });
		expect(run.status).toBe(3);
		for (const version of ["", "1 other", "npm:other@1", "../other", "@evil/x", "github:a/b", ">=0.1", "1 || 2", "*"]) {
			const { status, npx, stdout } = await runAction(cwd, { path: "x", version });
			expect({ version, status, npx }).toEqual({ version, status: 2, npx: [] });
			expect(stdout).toMatch(/^::error title=clip-soup::/);
		}
		for (const [version, expected] of [
			["0.1.0", "clip-soup@0.1.0"],
			["^0.1.0", "clip-soup@^0.1.0"],
			["0.x", "clip-soup@0.x"],
			["./", "./"],
		]) {
			const { npx } = await runAction(cwd, { path: "none", version: version ?? "" });
			expect(npx[1]).toBe(`--package=${expected}`);
		}
	});

	it("would be caught if it put an input into its script", async () => {
		const cwd = await workspace();
		const [step] = action.runs.steps;
		const original = step.run;
		step.run = original.replace('-- "$VERIFY_PATH"', '-- $(echo x; eval "$VERIFY_PATH")');
		await runAction(cwd, { path: "touch pwned" });
		step.run = original;
		expect(await readdir(cwd)).toContain("pwned");
	});
});
