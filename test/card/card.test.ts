import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { type CardContents, cardFor } from "../../src/card/card.ts";
import { BEGIN, END } from "../../src/card/place-section.ts";
import { RECIPE_METADATA, type Recipe } from "../../src/recipe.ts";
import { f32, writeCheckpoint } from "../support/checkpoints.ts";
import { CLI, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";

let folder = "";
let soup = "";

/** A soup of the embedded pair with lock and report beside it, and links to the pair as its recipe calls it. */
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "clip-soup-test-"));
	soup = join(folder, "soup");
	for (const name of ["augreg", "rewind"]) await symlink(resolve(`fixtures/digits-clip/${name}`), join(folder, name));
	for (const args of [
		["avg", "augreg", "rewind", "-o", "soup", "--digests"],
		["verify", "soup", "--no-forward", "--write-lock", "soup/clip-soup.lock.json", "--report", "json=soup/verify.json"],
	]) {
		expect(await runCli(args, { cwd: folder })).toMatchObject({ exitCode: 0 });
	}
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function copyOfSoup(): Promise<string> {
	const copy = join(await temporaryFolder(), "soup");
	await cp(soup, copy, { recursive: true });
	return copy;
}

async function ingredient(license: string): Promise<string> {
	const copy = join(await temporaryFolder(), "ingredient");
	await cp("fixtures/digits-clip/augreg", copy, { recursive: true });
	await writeFile(join(copy, "README.md"), `---\ntags: [x]\nlicense: ${license}\n---\n`);
	return copy;
}

function frontMatter(text: string): string {
	return text.slice(0, text.indexOf("\n---\n"));
}

describe("cardFor", () => {
	it("tells what recipe, lock, verification and architecture tell", async () => {
		const { text, notices } = await cardFor(soup, { license: "mit", repo: "org/my-soup" });
		expect(
			text.startsWith(
				"---\nlicense: mit\nlibrary_name: open_clip\npipeline_tag: zero-shot-image-classification\ntags:\n- clip\n",
			),
		).toBe(true);
		expect(frontMatter(text)).not.toContain("base_model");
		expect(text).toContain(`---\n\n# Model card for my-soup\n\n${BEGIN}\n## Model\n`);
		const lock = JSON.parse(await readFile(join(soup, "clip-soup.lock.json"), "utf8"));
		expect(text).toContain(`| Model digest | \`${lock.modelDigest}\` |`);
		for (const { name, modelDigest } of lock.soup.ingredients) {
			expect(text).toMatch(new RegExp(`\\| \`${name}\` \\| – \\| 1 \\| 1810988 \\| model: \`${modelDigest}\` \\|`));
		}
		expect(text).toContain("| CS006 | No element is NaN or infinite | passed | 450321 elements of 94 float tensors |");
		expect(text).toContain("| CS011 | The forward pass gives the expected features | skipped |");
		const { stdout } = await runCli(["inspect", soup, "--profile"]);
		for (const tower of ["image", "text", "total"]) {
			const [, gmacs = "", macts, mparams] = new RegExp(`^${tower} +(\\S+) +(\\S+) +(\\S+)$`, "m").exec(stdout) ?? [];
			expect(text).toContain(`| ${tower} | ${mparams} | ${gmacs} | ${macts} |`);
		}
		expect(notices).toEqual([
			expect.stringContaining('base_model leaves out what is not known to be on the Hub: "augreg", "rewind"'),
		]);
	});

	it("tells the command that makes the same bytes again", async () => {
		const { text } = await cardFor(soup);
		const [, command = ""] = /```sh\n(.*)\n```/.exec(text) ?? [];
		expect(command).toBe("clip-soup avg augreg rewind --digests -o soup/");
		const script = command.replace("clip-soup", '"$0" "$1"').replace("soup/", "again/");
		execFileSync("bash", ["-c", script, process.execPath, CLI], { cwd: folder });
		const file = "open_clip_model.safetensors";
		expect((await readFile(join(folder, "again", file))).equals(await readFile(join(soup, file)))).toBe(true);
	});

	it("inherits a licence that all ingredients have, and takes another one only from --license", async () => {
		const [mit, also, other] = await Promise.all([ingredient("mit"), ingredient("mit"), ingredient("apache-2.0")]);
		const agreed = await cardFor(soup, { ingredients: [mit, also] });
		expect(frontMatter(agreed.text)).toContain("license: mit");
		const partly = await cardFor(soup, { ingredients: [mit, join(folder, "rewind")] });
		expect(partly.text).not.toContain("license:");
		expect(partly.notices.join()).toContain("only of some ingredients is it known (augreg mit)");
		const told = "ingredients with augreg mit, rewind apache-2.0";
		const existing = "---\nlicense: mit\n---\n";
		for (const [contents, found] of [
			[{ ingredients: [mit, other] }, told],
			[{ ingredients: [mit, other], existing }, `"mit" in the model card and ${told}`],
		] as const) {
			const message = `Cannot choose the licence: found ${found}, expected one that all have`;
			const refusal = { code: "ERR_LICENSE", exitCode: 4, message };
			await expect(cardFor(soup, contents)).rejects.toMatchObject(refusal);
			const asked = await cardFor(soup, { ...contents, license: "mit" });
			expect(frontMatter(asked.text)).toContain("license: mit");
			expect(asked.notices).toContain("--license mit is not that of all ingredients (augreg mit, rewind apache-2.0)");
		}
		const unreadable = await cardFor(soup, { ingredients: [mit, await ingredient("x\nlicense: y")] });
		expect(unreadable.notices.join()).toContain('the licence of "rewind" is not known: Cannot change the model card');
		expect(frontMatter((await cardFor(soup, { existing, license: "apache-2.0" })).text)).toContain("apache-2.0");
	});

	it("refuses ingredients that are others than the recipe's", async () => {
		const places = [[join(folder, "augreg")], [join(folder, "augreg"), soup]];
		for (const ingredients of places) {
			await expect(cardFor(soup, { ingredients })).rejects.toMatchObject({ code: "ERR_USAGE" });
		}
	});

	it("names base models where the recipe names repositories", async () => {
		const copy = await copyOfSoup();
		const lockPath = join(copy, "clip-soup.lock.json");
		const lock = JSON.parse(await readFile(lockPath, "utf8"));
		const revision = "0123456789abcdef0123456789abcdef01234567";
		for (const each of lock.soup.ingredients) Object.assign(each, { repo: `laion/${each.name}`, revision });
		await writeFile(lockPath, JSON.stringify(lock));
		vi.stubEnv("HF_HUB_OFFLINE", "1");
		onTestFinished(() => {
			vi.unstubAllEnvs();
		});
		const { text, notices } = await cardFor(copy, { license: "mit" });
		expect(frontMatter(text)).toContain("base_model:\n- laion/augreg\n- laion/rewind\nbase_model_relation: merge");
		expect(text).toContain(`| 2 | \`laion/rewind\` | \`${revision}\` | 1 |`);
		expect(text).toContain(`clip-soup avg hf:laion/augreg@${revision} hf:laion/rewind@${revision} --digests -o soup/`);
		expect(text).toContain("schuhmann2022laion5b");
		expect(notices).toHaveLength(2);
		for (const notice of notices) expect(notice).toMatch(/^the licence of "\w+" is not known: .*HF_HUB_OFFLINE/);
	});

	it("leaves a lock and a report of other weights out, and tells so", async () => {
		const copy = await copyOfSoup();
		const { modelDigest } = JSON.parse(await readFile(join(copy, "clip-soup.lock.json"), "utf8"));
		await cp("fixtures/digits-clip/augreg/open_clip_model.safetensors", join(copy, "open_clip_model.safetensors"));
		await rm(join(copy, "soup.json"));
		const { text, notices } = await cardFor(copy);
		expect(text).not.toContain(modelDigest);
		expect(notices.join()).toContain("clip-soup.lock.json is of other weights than these");

		const stale = await copyOfSoup();
		const report = await readFile(join(stale, "verify.json"), "utf8");
		await writeFile(join(stale, "verify.json"), report.replace(modelDigest, `sha256:${"0".repeat(64)}`));
		const other = await cardFor(stale);
		expect(other.text).not.toContain("## Verification");
		expect(other.notices.join()).toContain("verify.json is left out: it is of other weights");
		const document = JSON.parse(report);
		const nameless = { ...document, result: { ...document.result, modelDigest: undefined } };
		for (const [text, reason] of [
			["{}", "it is no report"],
			[JSON.stringify(nameless), "it names no weights"],
		] as const) {
			await writeFile(join(stale, "verify.json"), text);
			expect((await cardFor(stale)).notices.join()).toContain(`verify.json is left out: ${reason}`);
		}
		await writeFile(join(stale, "verify.json"), report);
		await rm(join(stale, "clip-soup.lock.json"));
		const alone = await cardFor(stale);
		expect(alone.text).not.toContain("## Verification");
		expect(alone.notices.join()).toContain("verify.json is left out: only a lock tells");
	});

	it("does not hide a check that failed", async () => {
		const copy = await copyOfSoup();
		const report = JSON.parse(await readFile(join(copy, "verify.json"), "utf8"));
		Object.assign(report, { outcome: "findings", exitCode: 1 });
		Object.assign(report.result.checks[4], { status: "failed", findings: [{ level: "error", message: "Found NaN" }] });
		await writeFile(join(copy, "verify.json"), JSON.stringify(report));
		const { text, notices } = await cardFor(copy);
		expect(text).toContain("| CS006 | No element is NaN or infinite | failed, 1 finding |");
		expect(notices.join()).toContain("verify.json tells of failed checks, and so does the card: CS006");
	});

	it("keeps evaluation results and notes of the very same weights, until others are given", async () => {
		const results = JSON.stringify({ results: [{ dataset: "a|b", metric: "top-1 (%)", value: 79.4, split: "test" }] });
		const notes = "Trained on LAION-2B.\n\n## Evaluation\n\nMine.\n\n## Training\n\n| my | table |\n";
		const { text } = await cardFor(soup, { results, notes });
		expect(text).toContain("| a\\|b | test | top-1 (%) | 79.4 | – |");
		expect(text).toContain(`## Training\n\n${notes}${END}`);
		expect(text).toContain("schuhmann2022laion5b");
		expect(await cardFor(soup, { existing: text })).toMatchObject({ text });
		const windows = text.replaceAll("\n", "\r\n");
		expect((await cardFor(soup, { existing: windows })).text).toBe(windows);
		const given = await cardFor(soup, { existing: text, notes: "Other." });
		expect(given.text).toContain("79.4");
		expect(given.text.match(/## Training[\s\S]*?<!--/)?.[0]).toBe("## Training\n\nOther.\n<!--");
		expect((await cardFor(soup)).text).not.toMatch(/## (Evaluation|Training)/);
		const stale = text.replace(/(Model digest \| `sha256:)./, "$1x");
		const other = await cardFor(soup, { existing: stale });
		expect(other.text).not.toContain("79.4");
		for (const part of ["Evaluation", "Training"]) {
			expect(other.notices.join()).toContain(`the part "${part}" of the card is gone: no lock tells`);
		}
	});

	it.each<[string, CardContents]>([
		["results that are no JSON", { results: "x" }],
		["results without a value", { results: '{"results":[{"dataset":"a","metric":"b"}]}' }],
		["results with a value in words", { results: '{"results":[{"dataset":"a","metric":"b","value":"79"}]}' }],
		[
			"results with a field that is not known",
			{ results: '{"results":[{"dataset":"a","metric":"b","value":1,"x":1}]}' },
		],
		["an empty list of results", { results: '{"results":[]}' }],
		["notes that hold a marker", { notes: `x\n${END}\n` }],
		["a card with two sections", { existing: `${BEGIN}\n${END}\n${BEGIN}\n${END}\n` }],
		["a card whose front matter is not closed", { existing: "---\nlicense: mit\n" }],
	])("refuses %s", async (_, contents) => {
		await expect(cardFor(soup, contents)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
	});

	it.each<[string, CardContents]>([
		["a licence with a line break", { license: "mit\ntags: x" }],
		["a repository with a revision", { repo: "org/a@main" }],
		["a repository without a namespace", { repo: "a" }],
	])("refuses %s", async (_, contents) => {
		await expect(cardFor(soup, contents)).rejects.toMatchObject({ code: "ERR_USAGE" });
	});

	it("cites what applies and nothing else", async () => {
		const { text } = await cardFor("fixtures/digits-clip/augreg");
		for (const key of ["ilharco2021openclip", "liu2022convnext"]) expect(text).toContain(key);
		for (const key of ["wortsman2022soups", "schuhmann2022laion5b", "model-soup"]) expect(text).not.toContain(key);
		const place = join(await temporaryFolder(), "weights.safetensors");
		await writeCheckpoint(place, { w: f32(1) });
		const foreign = await cardFor(place);
		expect(foreign.text).not.toContain("## Citation");
		expect(foreign.text).not.toMatch(/library_name|pipeline_tag/);
		expect(foreign.notices.join()).toContain("no model is recognised");
	});

	it("names the library and the task of each layout", async () => {
		const run = await runCli(["convert", "soup", "--to", "hf,timm", "-o", "other"], { cwd: folder });
		expect(run.exitCode).toBe(0);
		const hf = await cardFor(join(folder, "other/hf"));
		expect(frontMatter(hf.text)).toContain(
			"library_name: transformers\npipeline_tag: zero-shot-image-classification\n",
		);
		const commands = "clip-soup avg augreg rewind --digests -o soup/\nclip-soup convert soup/ --to hf -o converted/\n";
		expect(hf.text).toContain(commands);
		const timm = await cardFor(join(folder, "other/timm"));
		expect(frontMatter(timm.text)).toContain("library_name: timm\npipeline_tag: image-feature-extraction\n");
	});

	it("escapes names from files, whatever they hold", async () => {
		const place = join(await temporaryFolder(), "weights.safetensors");
		const names = [
			"a|b",
			"<img src=x onerror=alert(1)>",
			"x\n---\n## Forged",
			`y\n${END}\nz`,
			"`code`",
			"[l](http://x)",
			"\u001b[31m\u202e",
			"```",
		];
		const recipe: Recipe = {
			version: "1 | <b>\n---",
			method: "linear",
			weights: null,
			normalize: true,
			dtype: "<script>",
			keep: { [`${BEGIN}\n`]: 1 },
			inputs: names.map((name) => ({ name, files: [{ name, byteLength: 1, headerSha256: `|<i>\n${END}` }] })),
		};
		await writeCheckpoint(place, { w: f32(1) }, { format: "pt", [RECIPE_METADATA]: JSON.stringify(recipe) });
		const { text } = await cardFor(place);
		const { text: again } = await cardFor(place, { existing: text });
		expect(again).toBe(text);
		const section = text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END));
		expect(section).not.toMatch(/(?<!\\)[<>]/);
		expect(section).not.toMatch(/^(---|## Forged)/m);
		expect(section).not.toMatch(/(?!\n)\p{Cc}|\p{Cf}/u);
		const rows = section.split("\n").filter((line) => /^\| \d+ \|/.test(line));
		expect(rows).toHaveLength(names.length);
		for (const row of rows) expect(row.split(/(?<!\\)\|/)).toHaveLength(8);
		expect(section.match(/^```/gm)).toHaveLength(4);
	});

	it("keeps the author's text byte for byte, and changes nothing when composed again", async () => {
		const place = join(await temporaryFolder(), "weights.safetensors");
		await writeCheckpoint(place, { w: f32(1) });
		const words = fc.string({ unit: fc.constantFrom("a", "\n", "é", "#", "`", "|", " ", "<") });
		await fc.assert(
			fc.asyncProperty(words, words, async (before, behind) => {
				const existing = `---\nlicense: x # why\nz: 1\n---\n${before}\n${BEGIN}\nold\n${END}\n${behind}`;
				const { text } = await cardFor(place, { existing });
				expect(text).toMatch(/^---\nlicense: x # why\nz: 1\ntags:\n- clip\n- clip-soup\n---\n/);
				expect(text).toContain(`---\n${before}\n${BEGIN}`);
				expect(text.endsWith(`${END}\n${behind}`)).toBe(true);
				expect((await cardFor(place, { existing: text })).text).toBe(text);
			}),
			{ numRuns: 25 },
		);
	});
});

describe("clip-soup card", () => {
	it("prints the card alone on stdout, with notes on stderr", async () => {
		const run = await runCli(["card", "soup"], { cwd: folder });
		expect(run.exitCode).toBe(0);
		expect(run.stdout).toBe((await cardFor(soup)).text);
		expect(run.stderr).toMatch(/^note: the card names no licence: no licence of an ingredient is known/);
	});

	it("writes a file, refuses one that exists, and with --force leaves the author's text", async () => {
		const cwd = await temporaryFolder();
		await writeFile(join(cwd, "notes.md"), "My training.\n");
		const args = ["card", soup, "-o", "README.md", "--license", "mit", "--notes", "notes.md"];
		const run = await runCli(args, { cwd });
		expect(run).toMatchObject({ exitCode: 0, stdout: "card  README.md\n" });
		const written = await readFile(join(cwd, "README.md"), "utf8");
		const mine = `${written.replace("---\n\n# Model", "mine: true\n---\n\nHello\n# Model")}\nBye`;
		await writeFile(join(cwd, "README.md"), mine);
		const refused = await runCli(args, { cwd });
		expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("ERR_OUTPUT_EXISTS") });
		expect(await readFile(join(cwd, "README.md"), "utf8")).toBe(mine);
		const forced = await runCli([...args, "--force", "--json"], { cwd });
		expect(JSON.parse(forced.stdout)).toMatchObject({
			command: "card",
			outcome: "ok",
			result: { output: "README.md", text: mine },
		});
		expect(await readFile(join(cwd, "README.md"), "utf8")).toBe(mine);
	});

	it("touches nothing where the card cannot be changed safely", async () => {
		const cwd = await temporaryFolder();
		const bytes = Buffer.from([0x23, 0xff, 0x0a]);
		for (const text of ["---\nlicense: mit\n", `${BEGIN}\nx\n`, bytes]) {
			await writeFile(join(cwd, "README.md"), text);
			const run = await runCli(["card", soup, "-o", "README.md", "--force"], { cwd });
			expect(run).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("ERR_CONFIG_INVALID") });
			expect((await readFile(join(cwd, "README.md"))).equals(Buffer.from(text))).toBe(true);
		}
	});

	it("refuses notes that are not there", async () => {
		const run = await runCli(["card", soup, "--notes", "none.md"]);
		expect(run).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('Cannot open "none.md"') });
	});
});
