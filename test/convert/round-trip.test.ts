import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { convert, type LayoutId } from "../../src/index.ts";
import { smallArchitecture } from "../layouts/arbitraries.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { digestsOf, jsonAt } from "./fixtures.ts";
import { writeModel } from "./models.ts";

const LAYOUTS: readonly LayoutId[] = ["timm", "hf"];

it("any small architecture comes back from timm and transformers with every byte", async () => {
	const root = await temporaryFolder();
	let run = 0;
	await fc.assert(
		fc.asyncProperty(smallArchitecture, async (architecture) => {
			const folder = join(root, String(run++));
			const input = await writeModel(join(folder, "in"), architecture);
			const expected = await digestsOf(input);
			// What timm cannot name has its tensors converted all the same.
			const options = { weightsOnly: true, archConfig: join(input, "open_clip_config.json"), fsync: false, threads: 1 };
			await convert(input, { ...options, to: LAYOUTS, output: join(folder, "out") });
			for (const layout of LAYOUTS) {
				const text = layout === "timm" ? { text: input } : {};
				const output = join(folder, `from-${layout}`);
				await convert(join(folder, "out", layout), { ...options, ...text, to: ["openclip"], output });
				expect(await digestsOf(output), layout).toEqual(expected);
			}
		}),
		{ numRuns: 12 },
	);
});

it("any small ViT or ConvNeXt comes back by the configurations that were written", async () => {
	const root = await temporaryFolder();
	let run = 0;
	const nameable = smallArchitecture.filter(
		({ vision, customText, nonscalarLogitScale }) =>
			!customText &&
			!nonscalarLogitScale &&
			(vision.family === "vit" ? vision.eps === 1e-5 : vision.family === "convnext"),
	);
	await fc.assert(
		fc.asyncProperty(nameable, async (architecture) => {
			const folder = join(root, String(run++));
			const input = await writeModel(join(folder, "in"), architecture);
			await convert(input, { to: ["hf"], output: join(folder, "hf"), fsync: false, threads: 1 });
			await convert(join(folder, "hf"), { to: ["openclip"], output: join(folder, "back"), fsync: false, threads: 1 });
			expect(await digestsOf(join(folder, "back"))).toEqual(await digestsOf(input));
			const [back, there] = await Promise.all(
				["back", "in"].map((name) => jsonAt(folder, name, "open_clip_config.json")),
			);
			expect(back).toEqual(there);
		}),
		{ numRuns: 10 },
	);
});
