import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { classify, type ForwardOptions } from "../../src/embed.ts";
import { expectFailure, expectSuccess } from "../cli/expectations.ts";
import { runCli } from "../support/run-cli.ts";

const DIGITS = "fixtures/digits-clip";
const VAL = join(DIGITS, "images/val");

const evalSchema = z.object({
	classnames: z.array(z.string()),
	templates: z.array(z.string()),
	checkpoints: z.record(
		z.string(),
		z.object({ val: z.object({ top1: z.number(), predictions: z.record(z.string(), z.number()) }) }),
	),
});
const EVAL = evalSchema.parse(JSON.parse(await readFile(join(DIGITS, "eval.json"), "utf8")));

/** The soup has weights only. */
const FROM_AUGREG = { archConfig: join(DIGITS, "augreg/open_clip_config.json"), tokenizer: join(DIGITS, "augreg") };

const SOME = ["2-two", "8-eight"].map((folder) => join(VAL, folder));

/** All pictures by one of them: `npm start` takes the 797 of the test set by each. */
const CHECKPOINTS: readonly {
	readonly name: string;
	readonly pictures: readonly string[];
	readonly options: ForwardOptions & { tokenizer?: string };
}[] = [
	{ name: "augreg", pictures: SOME, options: {} },
	{ name: "rewind", pictures: SOME, options: {} },
	{ name: "soup", pictures: [VAL], options: FROM_AUGREG },
];

describe("zero-shot classification of the digits", () => {
	it.each(CHECKPOINTS)(
		"predicts with $name what open_clip predicts for every picture",
		async ({ name, pictures, options }) => {
			const { classnames: classes, templates, checkpoints } = EVAL;
			const expected = checkpoints[name]?.val;
			const { images } = await classify(join(DIGITS, name), { ...options, images: pictures, classes, templates });

			const label = (path: string) => path.split("/").slice(-2).join("/");
			const predictions = images.map(({ name: path, best }) => [label(path), classes.indexOf(best)] as const);
			expect(expected?.predictions).toMatchObject(Object.fromEntries(predictions));
			expect(predictions.length).toBe(pictures === SOME ? 55 : 300);
			if (pictures === SOME) return;
			const right = predictions.filter(([path, prediction]) => path.startsWith(`${prediction}-`)).length;
			expect((100 * right) / images.length).toBeCloseTo(expected?.top1 ?? Number.NaN, 3);
		},
		60_000,
	);
});

describe("clip-soup embed --image", () => {
	it("takes files and folders in the order they are given", async () => {
		const [folder, file] = [join(VAL, "0-zero"), join(VAL, "1-one/0099.png")];
		const run = await runCli(["embed", join(DIGITS, "augreg"), "--image", file, "--image", folder, "--json"]);
		expectSuccess(run);
		const { rows } = JSON.parse(run.stdout).result.images;
		const zeros = Object.keys(EVAL.checkpoints.augreg?.val.predictions ?? {}).filter((name) => name.startsWith("0-"));
		expect(rows.map(({ name }: { name: string }) => name)).toEqual([file, ...zeros.map((name) => join(VAL, name))]);
	});

	it("refuses what is no picture", async () => {
		const noPicture = await runCli(["embed", join(DIGITS, "augreg"), "--image", join(DIGITS, "eval.json")]);
		expectFailure(noPicture, { code: "ERR_IMAGE_INVALID", says: ["eval.json"], fix: /./ });
	});
});
