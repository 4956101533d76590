import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { remakingCommands, shellWord } from "../../src/card/commands.ts";
import { historyOf } from "../../src/card/history.ts";
import { ingredientsOf } from "../../src/card/ingredients.ts";
import type { Recipe } from "../../src/recipe.ts";
import { runCli } from "../support/run-cli.ts";

const RECIPE: Recipe = {
	version: "0.1.0",
	method: "linear",
	weights: null,
	normalize: true,
	dtype: null,
	keep: {},
	inputs: ["a", "-b", "c d"].map((name) => ({ name, files: [] })),
};
const REVISION = "0123456789abcdef0123456789abcdef01234567";

function commandsOf(recipe: Recipe): readonly string[] {
	const history = historyOf(recipe);
	return remakingCommands(history, ingredientsOf(history.soup ?? history.conversions[0], undefined, []));
}

describe("remakingCommands", () => {
	it("tells what a recipe records, and nothing that is the default", async () => {
		expect(commandsOf(RECIPE)).toEqual(["clip-soup avg a ./-b 'c d' -o soup/"]);
		const other: Recipe = {
			...RECIPE,
			weights: [-1, 2.5, 1e-7],
			normalize: false,
			dtype: "BF16",
			keep: { logit_scale: 1 },
			target: "hf-dual",
			modelDigest: `sha256:${"0".repeat(64)}`,
		};
		const [command = ""] = commandsOf(other);
		expect(command).toBe(
			"clip-soup avg a ./-b 'c d' --weights=-1,2.5,1e-7 --no-normalize --dtype bf16 --keep=logit_scale=1 --to hf --hf-dual --digests -o soup/",
		);
		const { stdout } = await runCli(["avg", "--help"]);
		for (const [flag] of command.matchAll(/--[a-z-]+/g)) expect(stdout).toContain(flag);
	});

	it("names repositories with their commit, and only if the Hub could have them", () => {
		const inputs = [
			{ name: "a", files: [], repo: "org/a", revision: REVISION },
			{ name: "b.safetensors", files: [], repo: "org/b", revision: "main" },
			{ name: "c", files: [], repo: "../c;x" },
		];
		expect(commandsOf({ ...RECIPE, inputs })).toEqual([
			`clip-soup avg hf:org/a@${REVISION} hf:org/b:b.safetensors c -o soup/`,
		]);
	});

	it("repeats the conversions of a soup", () => {
		const convert = (of: unknown, target: string): Recipe => ({
			...RECIPE,
			method: "convert",
			target,
			inputs: [{ name: "x", files: [], clipSoup: of }],
		});
		expect(commandsOf(convert(convert(RECIPE, "timm"), "hf-pair"))).toEqual([
			"clip-soup avg a ./-b 'c d' -o soup/",
			"clip-soup convert soup/ --to timm -o converted-1/",
			"clip-soup convert converted-1/ --to hf -o converted/",
		]);
		expect(commandsOf(convert(undefined, "hf-clip"))).toEqual(["clip-soup convert x --to hf -o converted/"]);
	});
});

describe("shellWord", () => {
	it("is one word of bash on one line, that bash reads as the text", () => {
		const texts = fc.sample(
			fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
			60,
		);
		const hostile = [
			"$(touch x)",
			"`id`",
			"a'b",
			'a"b',
			"a\nb",
			"<!-- clip-soup:end -->",
			"\u202ex",
			"~",
			"=x",
			"!x",
			"\\x41",
			"",
		];
		const words = [...texts, ...hostile];
		for (const text of words) expect(shellWord(text)).not.toMatch(/[\p{Cc}<>]/u);
		const script = words.map((text) => `printf '%s\\0' ${shellWord(text)}`).join("\n");
		const output = execFileSync("bash", ["-c", script]);
		expect(output.equals(Buffer.from(words.map((text) => `${text}\0`).join("")))).toBe(true);
	});
});
