import { expect, it } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { runCli } from "../support/run-cli.ts";
import { expectFailure, expectSuccess, namesIn, UNTOUCHED, workspace } from "./expectations.ts";
import { f32Values, readSafetensors } from "./read-safetensors.ts";

interface UsageCase {
	readonly args: readonly string[];
	readonly code?: ErrorCode;
	readonly says: RegExp;
	readonly fix: RegExp;
}

/** The help of the command that was asked for, if there is such a command. */
const HELP = /see clip-soup .*--help/;
const COMMANDS = ["avg", "convert", "inspect", "diff"];
const AB = ["avg", "a.safetensors", "b.safetensors"];

const CASES: readonly UsageCase[] = [
	{ args: ["bogus"], says: /unknown command "bogus"/, fix: HELP },
	{ args: ["avg"], says: /missing required argument "inputs"/, fix: HELP },
	{ args: ["diff", "avg"], says: /missing required argument "b"/, fix: HELP },
	{ args: ["convert", "avg", "--to", "x", "-o", "y"], says: /Cannot use --to "x"/, fix: HELP },
	{ args: ["inspect"], says: /found no checkpoint/, fix: /name a checkpoint/ },
	{ args: ["inspect", "a.safetensors", "b.safetensors"], says: /too many arguments/, fix: HELP },
	{ args: ["diff", "a.safetensors"], says: /missing required argument "b"/, fix: HELP },
	{ args: [...AB, "--bogus"], says: /unknown option "--bogus"/, fix: HELP },
	{ args: [...AB, "-o"], says: /"-o, --output <path>" argument missing/, fix: HELP },
	{ args: [...AB, "-o", ""], says: /Cannot use --output "": expected a name/, fix: HELP },
	{ args: [...AB, "--dtype", "f12"], says: /--dtype "f12": expected one of f64, f32, f16, bf16/, fix: HELP },
	{ args: [...AB, "--dtype", "i32"], says: /--dtype "i32"/, fix: HELP },
	...["0", "1.5", "", "257"].map((threads) => ({
		args: [...AB, "--threads", threads],
		says: /Cannot use --threads ".*": expected a whole number from 1 to 256/,
		fix: HELP,
	})),
	...["0", "-5GB", "5XB"].map((size) => ({
		args: [...AB, "-o", "out/", "--max-shard-size", size],
		says: /Cannot read a size: found ".*"/,
		fix: /write it like 5GB/,
	})),
	{
		args: [...AB, "-o", "out.safetensors", "--max-shard-size", "1GB"],
		says: /Cannot write shards: the output is one file/,
		fix: /name a folder with -o/,
	},
	...["1,x", "1,,2", "", "NaN,1", "1e999,1"].map((weights) => ({
		args: [...AB, "--weights", weights],
		code: "ERR_WEIGHTS" as const,
		says: /expected a finite number/,
		fix: /--weights 0\.3,0\.7/,
	})),
	{ args: [...AB, "--weights", "1"], code: "ERR_WEIGHTS", says: /1 weights for 2 inputs/, fix: /one weight for each/ },
	{ args: [...AB, "--weights", "1,2,3"], code: "ERR_WEIGHTS", says: /3 weights for 2/, fix: /one weight for each/ },
	{ args: [...AB, "--weights", "1,-1"], code: "ERR_WEIGHTS", says: /sum to 0/, fix: /--no-normalize/ },
	{ args: [...AB, "--weights", "0,0"], code: "ERR_WEIGHTS", says: /sum to 0/, fix: /--no-normalize/ },
	{
		args: [...AB, "--weights", "1.7e308,1e308"],
		code: "ERR_WEIGHTS",
		says: /sum to Infinity/,
		fix: /change the weights/,
	},
	{ args: [...AB, "--no-normalize"], code: "ERR_WEIGHTS", says: /--no-normalize without --weights/, fix: /--weights/ },
];

it.each(CASES)("$args is a usage error", async ({ args, code = "ERR_USAGE", says, fix }) => {
	const { folder } = await workspace();
	const help = ["see clip-soup", ...args.slice(0, 1).filter((name) => COMMANDS.includes(name)), "--help"].join(" ");
	expectFailure(await runCli(args, { cwd: folder }), { code, says: [says], fix: fix === HELP ? help : fix });
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("no arguments show the help on stderr and end with 2", async () => {
	const run = await runCli([]);
	expect(run).toMatchObject({ exitCode: 2, stdout: "" });
	expect(run.stderr).toContain("Usage: clip-soup");
});

it("--version prints the version alone", async () => {
	expect(await runCli(["--version"])).toMatchObject({
		exitCode: 0,
		stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
	});
});

it.each([[], ["avg"], ["inspect"], ["diff"]])("help of %j shows examples on stdout", async (...command) => {
	const run = await runCli([...command, "--help"]);
	expect(run).toMatchObject({ exitCode: 0, stderr: "" });
	expect(run.stdout).toMatch(/Examples:\n +\$ clip-soup /);
});

it.each([
	{ weights: "-1,3", options: [], expected: [4, 8] },
	{ weights: " 0.5 , 0.5 ", options: [], expected: [2, 4] },
	{ weights: "1,-1", options: ["--no-normalize"], expected: [-2, -4] },
	{ weights: "0,0", options: ["--no-normalize"], expected: [0, 0] },
])("--weights $weights $options averages to $expected", async ({ weights, options, expected }) => {
	const { folder, path } = await workspace();
	expectSuccess(await runCli([...AB, "--weights", weights, ...options], { cwd: folder }));
	expect(f32Values(await readSafetensors(path("soup.safetensors")), "weight")).toEqual(expected);
});

it.each(["BF16", "bfloat16", "f8_e4m3"])("--dtype %s is known", async (dtype) => {
	const { folder } = await workspace();
	expectSuccess(await runCli([...AB, "--dtype", dtype, "--dry-run"], { cwd: folder }));
});
