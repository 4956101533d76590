import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { runCli } from "./support/run-cli.ts";

const README = readFileSync("README.md", "utf8");

function blocks(language: string): string[] {
	return [...README.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"))].map(([, code = ""]) => code);
}

const commands = blocks("sh")
	.flatMap((block) => block.split("\n"))
	.filter((line) => line.startsWith("clip-soup "))
	.map((line) => line.replace(/ +#.*/, ""));

describe("README", () => {
	test("is under 150 lines", () => {
		expect(README.split("\n").length).toBeLessThan(150);
	});

	test.each(commands)("%s uses options that exist", async (line) => {
		const [, command = "", ...args] = line.replaceAll(/"[^"]*"/g, "TEXT").split(" ");
		const { stdout, exitCode } = await runCli([command, "--help"]);
		expect(exitCode).toBe(0);
		expect(stdout).toContain("Examples:");
		for (const flag of args.filter((arg) => arg.startsWith("-"))) expect(stdout).toContain(flag);
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
