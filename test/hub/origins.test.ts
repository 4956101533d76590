import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { average, classify, convert, diff, embed, exportOnnx, inspect } from "../../src/index.ts";
import { parseRecipe, type Recipe } from "../../src/recipe.ts";
import { verify } from "../../src/verify.ts";
import { sha256 } from "../cli/read-safetensors.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { runCli } from "../support/run-cli.ts";
import { type DoubleEnvironment, doubleEnvironment } from "./double-environment.ts";

let at: DoubleEnvironment;

beforeEach(async () => {
	at = await doubleEnvironment();
});

function recipeIn(name: string): Recipe {
	const recipe = parseRecipe(readFileSync(join(at.folder, name, "soup.json"), "utf8"));
	if (recipe === undefined) throw new Error(`${name} has no recipe`);
	return recipe;
}

function originsIn(name: string): unknown[] {
	return recipeIn(name).inputs.map(({ name: input, repo, revision }) => [input, repo, revision]);
}

function weightsIn(name: string): string {
	return sha256(readFileSync(join(at.folder, name, "open_clip_model.safetensors")));
}

/** Puts a repository's main into the cache as huggingface_hub lays it out: links to blobs, and a ref. */
function fillCache(id: string, folder: string, names: readonly string[], commit: string): void {
	const cache = join(at.watched, "hf-home", "hub", `models--${id.replace("/", "--")}`);
	const snapshot = join(cache, "snapshots", commit);
	mkdirSync(snapshot, { recursive: true });
	mkdirSync(join(cache, "refs"), { recursive: true });
	writeFileSync(join(cache, "refs", "main"), commit);
	for (const name of names) writeFileSync(join(snapshot, name), readFileSync(join(folder, name)));
}

describe("recipes of remote inputs", () => {
	test("record repository and commit, and name the input as a folder would be", async () => {
		expect(originsIn("soup")).toEqual([
			["augreg", "org/augreg", at.commits.augreg],
			["rewind", "org/rewind", at.commits.rewind],
		]);
		await average(["hf:org/augreg", digitsPath("rewind")], { output: join(at.folder, "mixed"), fsync: false });
		expect(originsIn("mixed")[1]).toEqual(["rewind", undefined, undefined]);
		expect(recipeIn("mixed").inputs[1]).not.toHaveProperty("repo");
	});

	test("record the commit that a branch or tag had, so that the commit gives the same bytes ever after", async () => {
		at.double.repositories.get("org/augreg")?.refs.set("refs/tags/v1", at.commits.augreg);
		at.double.repositories.get("org/augreg")?.add({ "README.md": "pushed since" });
		const inputs = (revision: string) => [`hf:org/augreg@${revision}`, "hf:org/rewind"];
		await average(inputs("v1"), { output: join(at.folder, "tag"), fsync: false });
		await average(inputs(at.commits.augreg), { output: join(at.folder, "commit"), fsync: false });
		await average(inputs("main"), { output: join(at.folder, "moved"), fsync: false });
		expect([weightsIn("tag"), weightsIn("commit")]).toEqual([weightsIn("soup"), weightsIn("soup")]);
		expect(originsIn("moved")[0]).not.toEqual(originsIn("soup")[0]);
	});

	test("are the same when the cache holds the files, online and offline", async () => {
		for (const name of ["augreg", "rewind"] as const) {
			const names = ["open_clip_model.safetensors", "open_clip_config.json"];
			fillCache(`org/${name}`, digitsPath(name), names, at.commits[name]);
		}
		await average(["hf:org/augreg", "hf:org/rewind"], { output: join(at.folder, "online"), fsync: false });
		expect(at.double.requests.filter(({ route }) => route === "storage-get")).toEqual([]);
		vi.stubEnv("HF_HUB_OFFLINE", "1");
		await average(["hf:org/augreg", "hf:org/rewind"], { output: join(at.folder, "offline"), fsync: false });
		expect([weightsIn("online"), weightsIn("offline")]).toEqual([weightsIn("soup"), weightsIn("soup")]);
	});

	test("of conversions and of soups across layouts record it too", async () => {
		await convert("hf:org/augreg", { to: ["hf"], output: join(at.folder, "hf"), fsync: false });
		const { recipe } = await inspect(join(at.folder, "hf", "vision"));
		expect(recipe?.inputs[0]).toMatchObject({ repo: "org/augreg", revision: at.commits.augreg });
		await average([join(at.folder, "hf"), "hf:org/rewind"], { output: join(at.folder, "mixed"), to: "openclip" });
		expect(originsIn("mixed")).toEqual([
			["hf", undefined, undefined],
			["rewind", "org/rewind", at.commits.rewind],
		]);
	});

	test("are shown by inspect", async () => {
		const { stdout } = await runCli(["inspect", "hf:org/soup"], { env: at.env });
		expect(stdout).toMatch(new RegExp(`^commit +hf:org/soup at ${at.commits.soup}$`, "m"));
		expect(stdout).toContain(`hf:org/augreg@${at.commits.augreg}`);
	});
});

describe("results name the commit of every repository that was read", () => {
	const origin = (name: keyof DoubleEnvironment["commits"], revision = "") => ({
		reference: `hf:org/${name}${revision}`,
		repo: `org/${name}`,
		revision: at.commits[name],
	});

	test("in inspect, diff and verify, of what was compared too, also from the cache", async () => {
		expect((await inspect("hf:org/soup@main:open_clip_model.safetensors")).origins).toEqual([origin("soup", "@main")]);
		expect((await inspect(digitsPath("augreg"))).origins).toEqual([]);
		expect((await diff("hf:org/augreg", "hf:org/rewind")).origins).toEqual([origin("augreg"), origin("rewind")]);
		const pinned = `@${at.commits.rewind}`;
		fillCache("org/rewind", digitsPath("rewind"), ["open_clip_model.safetensors"], at.commits.rewind);
		const soupOf = ["hf:org/augreg@main", `hf:org/rewind${pinned}:open_clip_model.safetensors`];
		const { origins } = await verify("hf:org/soup", { soupOf, recipe: "hf:org/soup:soup.json", forward: false });
		expect(origins).toEqual([origin("soup"), origin("augreg", "@main"), origin("rewind", pinned)]);
	});

	test("in embed, classify and export-onnx", async () => {
		const origins = [origin("augreg", "@main")];
		const [given, shared] = ["hf:org/augreg@main", { download: true, threads: 1 }];
		expect(await embed(given, { ...shared, texts: ["0"] })).toMatchObject({ origins });
		const images = [join(digitsPath("augreg"), "../images/val/1-one/0099.png")];
		expect(await classify(given, { ...shared, images, classes: ["0"] })).toMatchObject({ origins });
		const output = join(at.folder, "text.onnx");
		expect(await exportOnnx(given, { ...shared, tower: "text", output, fsync: false })).toMatchObject({ origins });
	});
});

describe("CS009", () => {
	const findingsOf = async (soupOf: readonly string[]) => {
		const { checks } = await verify(join(at.folder, "soup"), { soupOf, forward: false });
		return checks.find(({ check }) => check === "CS009")?.findings.map(({ level, message }) => [level, message]);
	};

	test("says nothing of the recorded commits, in any order, or of files", async () => {
		expect(await findingsOf(["hf:org/augreg", digitsPath("rewind")])).toEqual([]);
		const swapped = (await findingsOf(["hf:org/rewind", "hf:org/augreg"])) ?? [];
		expect(swapped.filter(([, message]) => message?.includes("commit"))).toEqual([]);
	});

	test("warns of another commit and of another repository", async () => {
		const { id = "" } = at.double.repositories.get("org/augreg")?.add({ "README.md": "pushed since" }) ?? {};
		expect(await findingsOf(["hf:org/augreg", "hf:org/rewind"])).toEqual([
			[
				"warning",
				`Ingredient 1 "augreg" was read at another commit than the recipe: found org/augreg@${id}, expected org/augreg@${at.commits.augreg}`,
			],
		]);
		const copy = at.double.repository("copies/rewind").add({
			"open_clip_model.safetensors": readFileSync(join(digitsPath("rewind"), "open_clip_model.safetensors")),
		});
		const found = (await findingsOf([`hf:org/augreg@${at.commits.augreg}`, "hf:copies/rewind"])) ?? [];
		expect(found).toHaveLength(1);
		expect(found[0]?.[1]).toContain(
			`is in another repository than those of the recipe: found copies/rewind@${copy.id}`,
		);
	});
});

test("a recipe whose revision is no commit is not taken for one", () => {
	const recipe = { ...recipeIn("soup") };
	expect(parseRecipe(JSON.stringify(recipe))).toBeDefined();
	const branch = { ...recipe, inputs: recipe.inputs.map((input) => ({ ...input, revision: "main" })) };
	expect(parseRecipe(JSON.stringify(branch))).toBeUndefined();
});
