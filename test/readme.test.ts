import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { WRITER } from "./support/hub/accounts.ts";
import { startHub } from "./support/hub/double.ts";
import { runCli } from "./support/run-cli.ts";
import { temporaryFolder } from "./support/tmp.ts";

const README = readFileSync("README.md", "utf8");

function blocks(language: string): string[] {
	return [...README.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"))].map(([, code = ""]) => code);
}

/** The lines of a page that run clip-soup: in shell, in YAML, through npx, behind a prompt; comments and what follows cut. */
function commandsIn(page: string): string[] {
	const code = [...page.matchAll(/```(?:sh|yaml|console)\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
		block.split("\n"),
	);
	return code.flatMap((line) => {
		const [, command] = /^(?:[\s-]*|.*\$ )(?:npx )?clip-soup(?:@[\w.]+)? (.*)$/.exec(line) ?? [];
		return command === undefined ? [] : [command.replace(/ +#.*| +\|\|.*/, "")];
	});
}

const HELP = new Map<string, ReturnType<typeof runCli>>();

/** What a command's help says, asked for once. */
function helpOf(command: string): ReturnType<typeof runCli> {
	const help = HELP.get(command) ?? runCli([command, "--help"]);
	HELP.set(command, help);
	return help;
}

/** Options of a command that its help names, and the ones that a line uses. */
async function strayFlags(line: string): Promise<string[]> {
	const [command = "", ...args] = line.replaceAll(/"[^"]*"/g, "TEXT").split(" ");
	const { stdout, exitCode } = await helpOf(command);
	expect([line, exitCode, stdout.includes("Examples:")]).toEqual([line, 0, true]);
	const known = new Set(stdout.match(/(?<=^ +(?:-\w, )?)--?[a-zA-Z-]+|(?<=^ +)-\w/gm));
	return args.map((arg) => arg.replace(/=.*/, "")).filter((arg) => arg.startsWith("-") && !known.has(arg));
}

const commands = commandsIn(README);

/** Pages with commands, as far as they are there. */
const PAGES = ["card", "ci", "publishing", "verification"]
	.map((name) => `docs/${name}.md`)
	.filter((page) => existsSync(page));

describe("docs", () => {
	const lines = PAGES.flatMap((page) => commandsIn(readFileSync(page, "utf8")).map((line) => [page, line] as const));

	test.each(lines)("%s: clip-soup %s uses options that exist", async (_, line) => {
		expect(await strayFlags(line)).toEqual([]);
	});

	test("have commands, which are found in shell and in YAML", () => {
		expect(lines.filter(([page]) => page === "docs/ci.md")).toHaveLength(5);
		expect(lines.filter(([page]) => page === "docs/card.md").length).toBeGreaterThan(2);
	});

	test("would not pass with an option that does not exist", async () => {
		const [line = ""] = commandsIn("```yaml\n    - npx clip-soup@0.1.0 verify x --loc y -q # --lock\n```");
		expect(await strayFlags(line)).toEqual(["--loc", "-q"]);
	});
});

describe("README", () => {
	test("is under 150 lines", () => {
		expect(README.split("\n").length).toBeLessThan(150);
	});

	test.each(commands)("clip-soup %s uses options that exist", async (line) => {
		expect(await strayFlags(line)).toEqual([]);
	});

	test("starts with an example that works as printed, from checkpoints to the Hub", async () => {
		const [code = ""] = blocks("sh");
		expect(code.split("\n").length).toBeLessThanOrEqual(20);
		const lines = commandsIn(`\`\`\`sh\n${code}\`\`\``);
		expect(lines.map((line) => line.split(" ")[0])).toEqual(["avg", "convert", "verify", "publish", "publish"]);
		const double = await startHub();
		const cwd = await temporaryFolder();
		for (const name of ["augreg", "rewind"]) await symlink(resolve("fixtures/digits-clip", name), join(cwd, name));
		const env = { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: WRITER };
		for (const line of lines) {
			const { exitCode, stderr } = await runCli(line.split(" "), { cwd, env });
			expect([line, exitCode, stderr.includes("error")]).toEqual([line, 0, false]);
		}
		const { refs, isPrivate } = double.repositories.get("org/soup") ?? {};
		expect([refs?.get("refs/tags/v1"), isPrivate]).toEqual([refs?.get("refs/heads/main"), true]);
	});

	test("has a library example that runs", () => {
		const [code = ""] = blocks("ts");
		const { outputText } = ts.transpileModule(
			code
				.replaceAll('"augreg/", "rewind/"', '"fixtures/digits-clip/augreg", "fixtures/digits-clip/rewind"')
				.replaceAll('"soup/"', '"out/readme/soup"')
				.replaceAll('"hf/"', '"out/readme/hf"'),
			{
				compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
			},
		);
		rmSync("out/readme", { recursive: true, force: true });
		mkdirSync("out/readme", { recursive: true });
		const around = "const { signal } = new AbortController();\nconst onProgress = () => {};\n";
		writeFileSync(
			"out/readme/example.mjs",
			`${around}${outputText}\nconsole.log(parameters, dtypes.F32.tensors, bytes.length, scale.get(), checks.length);\n`,
		);
		const { stdout, stderr } = spawnSync(process.execPath, ["out/readme/example.mjs"], { encoding: "utf8" });
		expect(stderr).toBe("");
		expect(stdout).toMatch(/^450321 94 4 2\.44305\d+ 9\n$/);
	});
});
