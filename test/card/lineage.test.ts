import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { cardFor } from "../../src/card/card.ts";
import { average } from "../../src/index.ts";
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

	it("are looked for only when they are named", async () => {
		await average([digitsPath("augreg"), digitsPath("rewind")], { output: join(folder, "soup") });
		await cardFor(join(folder, "soup"));
		expect(double.requests).toEqual([]);
	});
});
