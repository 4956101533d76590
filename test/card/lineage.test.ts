import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { cardFor } from "../../src/card/card.ts";
import { average } from "../../src/index.ts";
import { verify } from "../../src/verify.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { publish } from "../hub/repositories.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { temporaryFolder } from "../support/tmp.ts";

let double: HubDouble;
let folder: string;

beforeEach(async () => {
	double = await startHub();
	folder = await temporaryFolder();
	vi.stubEnv("HF_ENDPOINT", double.hubUrl);
	vi.stubEnv("HF_HOME", join(folder, "hf-home"));
	for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_HUB_OFFLINE"]) {
		vi.stubEnv(name, undefined);
	}
	onTestFinished(() => {
		vi.unstubAllEnvs();
	});
});

function publishWithCard(name: "augreg" | "rewind", license: string): string {
	publish(double, `org/${name}`, digitsPath(name));
	const card = { "README.md": `---\nlicense: ${license} # by its authors\n---\n` };
	return double.repositories.get(`org/${name}`)?.add(card).id ?? "";
}

describe("ingredients on the Hub", () => {
	it("become base models with their commits, and give their licence", async () => {
		const [augreg, rewind] = [publishWithCard("augreg", "mit"), publishWithCard("rewind", "mit")];
		const ingredients = [`hf:org/augreg@${augreg}`, `hf:org/rewind@${rewind}`];
		await average(ingredients, { output: join(folder, "soup") });
		double.requests.length = 0;
		const { text, notices } = await cardFor(join(folder, "soup"), { ingredients });
		expect(text).toMatch(/^base_model:\n- org\/augreg\n- org\/rewind\nbase_model_relation: merge\n---$/m);
		expect(text.startsWith("---\nlicense: mit\nlibrary_name:")).toBe(true);
		expect(text).toContain(`| 1 | \`org/augreg\` | \`${augreg}\` | 1 | 1810988 |`);
		expect(text).toContain(`clip-soup avg ${ingredients.join(" ")} -o soup/`);
		expect(notices).toEqual([]);
		const methods = new Set(double.requests.map(({ method }) => method));
		expect([...methods]).toEqual(["GET"]);
	});

	it("are named by the commits that avg recorded, whatever branch was given", async () => {
		const commits = (["augreg", "rewind"] as const).map((name) => publishWithCard(name, "mit"));
		const ingredients = ["hf:org/augreg@main", "hf:org/rewind"];
		await average(ingredients, { output: join(folder, "soup") });
		const { text, notices } = await cardFor(join(folder, "soup"), { ingredients });
		expect(notices).toEqual([]);
		expect(text).toContain(`| 1 | \`org/augreg\` | \`${commits[0]}\` | 1 |`);
		expect(text).toContain(`clip-soup avg hf:org/augreg@${commits[0]} hf:org/rewind@${commits[1]} -o soup/`);
	});

	it("have no commit of another repository than the recipe's", async () => {
		for (const name of ["augreg", "rewind"] as const) {
			publishWithCard(name, "mit");
			publish(double, `org/mirror-${name}`, digitsPath(name));
		}
		await average(["hf:org/augreg", "hf:org/rewind"], { output: join(folder, "soup") });
		const ingredients = ["hf:org/mirror-augreg", "hf:org/mirror-rewind"];
		const { text, notices } = await cardFor(join(folder, "soup"), { ingredients, license: "mit" });
		expect(text).toContain("clip-soup avg hf:org/mirror-augreg hf:org/mirror-rewind -o soup/");
		expect(notices.join()).toContain('no commit of "augreg", "rewind"');
	});

	it("are named without a branch, which moves, where no commit is recorded", async () => {
		for (const name of ["augreg", "rewind"] as const) publishWithCard(name, "mit");
		const ingredients = ["hf:org/augreg@main", "hf:org/rewind"];
		await average([digitsPath("augreg"), digitsPath("rewind")], { output: join(folder, "soup") });
		const { text, notices } = await cardFor(join(folder, "soup"), { ingredients });
		expect(notices).toEqual([expect.stringContaining('no commit of "augreg", "rewind"')]);
		expect(text).toContain("| 1 | `org/augreg` | – | 1 |");
		expect(text).toContain("clip-soup avg hf:org/augreg hf:org/rewind -o soup/");
	});

	it("give the licence of their repository wherever in it they lie", async () => {
		for (const name of ["augreg", "rewind"] as const) publishWithCard(name, "mit");
		const file = await readFile(join(digitsPath("augreg"), "open_clip_model.safetensors"));
		double.repositories.get("org/augreg")?.add({ "old/model.safetensors": file });
		await average([digitsPath("augreg"), digitsPath("rewind")], { output: join(folder, "soup") });
		const ingredients = ["hf:org/augreg:old/model.safetensors", "hf:org/rewind:open_clip_model.safetensors"];
		const { text } = await cardFor(join(folder, "soup"), { ingredients });
		expect(text.startsWith("---\nlicense: mit\n")).toBe(true);
	});

	it("give their licence where the recipe alone names them, if they can be reached", async () => {
		publishWithCard("augreg", "mit");
		const rewind = publishWithCard("rewind", "cc-by-nc-4.0");
		const soup = join(folder, "soup");
		await average(["hf:org/augreg", "hf:org/rewind"], { output: soup });
		const found = "found ingredients with augreg mit, rewind cc-by-nc-4.0, expected one that all have";
		await expect(cardFor(soup)).rejects.toMatchObject({ code: "ERR_LICENSE", message: expect.stringContaining(found) });
		// What counts is the commit that the soup was made of.
		publishWithCard("augreg", "cc-by-nc-4.0");
		await expect(cardFor(soup)).rejects.toMatchObject({ message: expect.stringContaining(found) });
		double.repositories.delete("org/rewind");
		vi.stubEnv("HF_HOME", join(folder, "another"));
		const { text, notices } = await cardFor(soup);
		expect(text).not.toContain("license:");
		expect(notices.join()).toContain(`the licence of "rewind" is not known: Cannot read "hf:org/rewind@${rewind}"`);
		vi.stubEnv("HF_HUB_OFFLINE", "1");
		expect((await cardFor(soup, { license: "mit" })).notices.join()).toContain('the licence of "augreg" is not known');
	});

	it("keep the names that were given, in a card of the very same weights", async () => {
		for (const name of ["augreg", "rewind"] as const) publishWithCard(name, "mit");
		const soup = join(folder, "soup");
		await average([digitsPath("augreg"), digitsPath("rewind")], { output: soup });
		await verify(soup, { writeLock: join(soup, "clip-soup.lock.json"), forward: false });
		const file = "hf:org/rewind:open_clip_model.safetensors";
		const { text: existing } = await cardFor(soup, { ingredients: ["hf:org/augreg", file] });
		expect(existing).toContain(`clip-soup avg hf:org/augreg ${file} -o soup/`);
		expect(await cardFor(soup, { existing })).toMatchObject({ text: existing });
		const edited = existing.replace("avg hf:org/augreg", "avg hf:org");
		expect((await cardFor(soup, { existing: edited })).text).toContain(`clip-soup avg augreg ${file} -o soup/`);
	});

	it("are looked for only when they are named", async () => {
		await average([digitsPath("augreg"), digitsPath("rewind")], { output: join(folder, "soup") });
		await cardFor(join(folder, "soup"));
		expect(double.requests).toEqual([]);
	});
});
