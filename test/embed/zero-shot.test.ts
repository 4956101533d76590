import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { classify, embed } from "../../src/embed.ts";
import { expectSuccess } from "../cli/expectations.ts";
import { openClipOf } from "../onnx/systems.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { readyPictures, writeReady } from "./inputs.ts";

const DIGITS = "fixtures/digits-clip/augreg";
const NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven"];
const TEMPLATES = ["number {}.", "a scan of a {}."];

async function writePictures(): Promise<string> {
	const pixels = await readyPictures(openClipOf("digits-augreg"), 5);
	return writeReady(await temporaryFolder(), "pixels.safetensors", { pixels });
}

describe("clip-soup embed --zero-shot", () => {
	it("prints the five best classes of each picture, best first, and all with --all", async () => {
		const pictures = await writePictures();
		const folder = await temporaryFolder();
		const [classes, templates] = [join(folder, "classes.txt"), join(folder, "templates.txt")];
		await writeFile(classes, `${NAMES.slice(2).join("\r\n")}\r\n\r\n`);
		await writeFile(templates, TEMPLATES.join("\n"));
		const texts = ["--text", "zero", "--text", "one"];
		const args = ["embed", DIGITS, "--zero-shot", "--pixel-values", pictures, ...texts];
		const more = ["--classes", classes, "--templates", templates];

		const five = await runCli([...args, ...more]);
		const all = await runCli([...args, ...more, "--all"]);
		const json = await runCli([...args, ...more, "--json"]);

		expectSuccess(five);
		const { result } = JSON.parse(json.stdout);
		expect(result).toMatchObject({ path: DIGITS, classes: NAMES, templates: TEMPLATES });
		expect(result.images).toHaveLength(5);
		for (const [run, count] of [
			[five, 5],
			[all, 8],
		] as const) {
			const blocks = run.stdout.split(/^(?=pixel_values)/m);
			expect(blocks).toHaveLength(5);
			for (const [row, block] of blocks.entries()) {
				const [name, ...lines] = block.trimEnd().split("\n");
				const shares = lines.map((line) => Number.parseFloat(line));
				expect(name).toBe(`pixel_values[${row}]`);
				expect(shares).toHaveLength(count);
				expect(shares).toEqual(shares.toSorted((a, b) => b - a));
				expect(lines[0]?.endsWith(` ${result.images[row].best}`)).toBe(true);
				expect(Math.abs(Math.max(...result.images[row].probabilities) * 100 - (shares[0] ?? 0))).toBeLessThan(0.006);
			}
		}
	});
});

describe("classify", () => {
	it("is the softmax of the logits where every class is one text", async () => {
		const pixelValues = await writePictures();
		const { images } = await classify(DIGITS, { pixelValues, classes: NAMES });
		const { logitsPerImage } = await embed(DIGITS, { pixelValues, texts: NAMES });
		const logits = Array.from(logitsPerImage ?? []);
		for (const [row, { probabilities, best }] of images.entries()) {
			const powers = logits.slice(8 * row, 8 * row + 8).map(Math.exp);
			const sum = powers.reduce((total, power) => total + power, 0);
			for (const [index, power] of powers.entries()) expect(probabilities[index]).toBeCloseTo(power / sum, 5);
			expect(best).toBe(NAMES[powers.indexOf(Math.max(...powers))]);
		}
	});

	it("needs a temperature, and a finite one", async () => {
		const pixels = await readyPictures(openClipOf("convnext-mlp"));
		const pixelValues = await writeReady(await temporaryFolder(), "p.safetensors", { pixels });
		const options = { pixelValues, classes: ["a"], textTower: "fixtures/layouts/convnext-mlp/hf/text" };
		await expect(classify("fixtures/layouts/convnext-mlp/timm", options)).rejects.toMatchObject({
			code: "ERR_TENSOR_MISSING",
			fix: expect.stringContaining("--logit-scale"),
		});
		const hot = classify("fixtures/layouts/convnext-mlp/timm", { ...options, logitScale: 89 });
		await expect(hot).rejects.toMatchObject({ code: "ERR_NON_FINITE", fix: expect.stringContaining("ln 100") });
	});

	it("sees more than 16 texts and many templates in order", async () => {
		const pixelValues = await writePictures();
		const many = Array.from({ length: 7 }, (_, index) => `${TEMPLATES[index % 2]} ${"!".repeat(index)}`);
		const whole = await classify(DIGITS, { pixelValues, classes: NAMES, templates: many });
		const turned = await classify(DIGITS, { pixelValues, classes: NAMES.toReversed(), templates: many });
		for (const [row, { probabilities, best }] of whole.images.entries()) {
			expect(turned.images[row]?.best).toBe(best);
			for (const [index, probability] of probabilities.toReversed().entries())
				expect(turned.images[row]?.probabilities[index]).toBeCloseTo(probability, 5);
		}
	});
});
