import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { recipeOf } from "../../src/checks/soup-terms.ts";
import { openSubject } from "../../src/checks/subject.ts";
import { average, convert } from "../../src/index.ts";
import { changedCopy, digitsPath, layoutPath, required } from "../convert/fixtures.ts";
import { f32, type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { checkFiles, tensorsOf } from "./soups.ts";

const [AUGREG, REWIND, SOUP] = [digitsPath("augreg"), digitsPath("rewind"), digitsPath("soup")];

/** Adds one unit in the last place to elements of an F16 tensor. */
function nudge(tensor: TestTensor, isNudged: (element: number) => boolean): TestTensor {
	const bytes = Uint8Array.from(tensor.bytes ?? []);
	const view = new DataView(bytes.buffer);
	for (let element = 0; element < bytes.length / 2; element++) {
		if (isNudged(element)) view.setUint16(2 * element, view.getUint16(2 * element, true) + 1, true);
	}
	return { ...tensor, bytes };
}

/** Two F16 ViTs in OpenCLIP's layout, of which one is a library's, and their soup in that of transformers. */
async function vitSoup(): Promise<{ readonly soup: string; readonly ingredients: readonly string[] }> {
	const folder = await temporaryFolder();
	const [first, soup] = [layoutPath("vit-f16", "openclip"), join(folder, "soup")];
	const second = await changedCopy(first, join(folder, "second"), {
		tensors: (tensors) => {
			for (const [name, tensor] of tensors)
				tensors.set(
					name,
					nudge(tensor, (element) => element % 3 === 0),
				);
		},
	});
	await average([first, second], { output: soup, to: "hf", dtype: "F16", fsync: false });
	return { soup, ingredients: [first, second] };
}

describe("checkSoup lays different layouts beside each other", () => {
	test("a soup by the reference passes, whatever layouts the ingredients have", async () => {
		const folder = await temporaryFolder();
		const [hf, shards] = [join(folder, "hf"), join(folder, "shards")];
		await convert(REWIND, { output: hf, to: ["hf"], fsync: false });
		await convert(AUGREG, { output: shards, to: ["hf"], maxShardSize: 400_000, fsync: false });
		for (const ingredients of [
			[AUGREG, REWIND],
			[AUGREG, hf],
			[shards, REWIND],
			[shards, hf],
		]) {
			expect(await checkFiles([SOUP, ...ingredients])).toMatchObject({ status: "passed", findings: [] });
		}
		expect(await checkFiles([SOUP, AUGREG, AUGREG])).toMatchObject({ status: "failed" });
	});

	test.each(["hf", "openclip"] as const)("a soup in %s of an hf and an openclip ingredient passes", async (to) => {
		const folder = await temporaryFolder();
		const [hf, output] = [join(folder, "ingredient"), join(folder, "soup")];
		await convert(REWIND, { output: hf, to: ["hf"], fsync: false });
		await average([AUGREG, hf], { output, to, weights: [0.3, 0.7], fsync: false });
		expect(await checkFiles([output, AUGREG, hf])).toMatchObject({ status: "passed", findings: [] });
		expect(await checkFiles([output, AUGREG, REWIND])).toMatchObject({ status: "passed", findings: [] });
	});

	test("a timm soup holds one tower: the temperature is compared in the metadata, the text tower is not", async () => {
		const output = join(await temporaryFolder(), "soup");
		await average([AUGREG, REWIND], { output, to: "timm", fsync: false });
		const result = await checkFiles([output, AUGREG, REWIND]);
		expect(result).toMatchObject({ status: "passed" });
		expect(result.findings.map(({ level, message }) => [level, message])).toEqual([
			["warning", "The soup holds no text tower, which the ingredients have: it is not checked"],
		]);
		const other = JSON.stringify({
			dtype: "F32",
			shape: [],
			base64: Buffer.from(Float32Array.of(4).buffer).toString("base64"),
		});
		const wrong = await changedCopy(output, `${output}-wrong`, {
			metadata: { "clip_soup.carried.logit_scale": other },
		});
		const { findings } = await checkFiles([wrong, AUGREG, REWIND]);
		expect(tensorsOf(findings.filter(({ level }) => level === "error"))).toEqual(["logit_scale"]);
	});

	test("an element is found by its stored name and index, and a missing tensor by its canonical name", async () => {
		const { soup, ingredients } = await vitSoup();
		expect(await checkFiles([soup, ...ingredients])).toMatchObject({ status: "passed", findings: [] });
		for (const [name, element] of [
			["text_model.encoder.layers.0.self_attn.k_proj.weight", 70],
			["text_projection.weight", 65],
			["visual_projection.weight", 777],
			["vision_model.embeddings.patch_embedding.weight", 3],
		] as const) {
			const wrong = await changedCopy(soup, `${soup}-wrong`, {
				tensors: (tensors) =>
					tensors.set(
						name,
						nudge(required(tensors, name), (each) => each === element),
					),
			});
			const { status, findings } = await checkFiles([wrong, ...ingredients], { threads: 2, chunkByteLength: 300 });
			expect(status).toBe("failed");
			expect(findings).toHaveLength(1);
			expect(findings[0]).toMatchObject({ tensor: name, elements: [element, element], file: "model.safetensors" });
		}
		const less = await changedCopy(soup, `${soup}-less`, {
			tensors: (tensors) => void tensors.delete("text_model.final_layer_norm.bias"),
		});
		const { status, findings } = await checkFiles([less, ...ingredients]);
		expect(status).toBe("failed");
		expect(tensorsOf(findings)).toEqual(["ln_final.bias"]);
	});

	test("a soup that is no CLIP in a layout of its own cannot pass", async () => {
		const { soup, ingredients } = await vitSoup();
		const wrong = await changedCopy(soup, `${soup}-wrong`, {
			tensors: (tensors) => void tensors.delete("text_model.encoder.layers.0.self_attn.k_proj.weight"),
		});
		const { status, findings } = await checkFiles([wrong, ...ingredients]);
		expect(status).toBe("failed");
		expect(findings[0]?.message).toContain("cannot be laid beside the others, which have another layout: ");
	});
});

describe("checkSoup takes from the recipe what nobody tells", () => {
	test("weights, tensors that are kept, and the dtype", async () => {
		const output = join(await temporaryFolder(), "soup.safetensors");
		const keep = { logit_scale: 2 };
		await average([AUGREG, REWIND], { output, weights: [1, 3], keep, dtype: "BF16", fsync: false });
		const result = await checkFiles([output, AUGREG, REWIND]);
		expect(result).toMatchObject({ status: "passed", findings: [] });
		expect(result.detail).toContain("weights 1, 3 (of the recipe)");
		const told = await checkFiles([output, AUGREG, REWIND], { weights: [3, 1] });
		expect(told.status).toBe("failed");
		expect(told.detail).toContain("with the weights in the order 1, 3");
		const otherKeep = await checkFiles([output, AUGREG, REWIND], { keep: new Map([["logit_scale", 1]]) });
		expect(tensorsOf(otherKeep.findings)).toEqual(["logit_scale"]);
		expect(otherKeep.findings[0]?.message).toContain('those of ingredient 1 "augreg", which is kept');
	});

	test("a dtype that is not the recorded one is a finding", async () => {
		const parent = await temporaryFolder();
		const [recorded, half] = [join(parent, "a.safetensors"), join(parent, "b.safetensors")];
		await average([AUGREG, REWIND], { output: recorded, fsync: false });
		await average([AUGREG, REWIND], { output: half, dtype: "F16", fsync: false });
		await using subject = await openSubject(recorded);
		const recipe = recipeOf(subject);
		const { status, findings, detail } = await checkFiles([half, AUGREG, REWIND], { recipe });
		expect(status).toBe("failed");
		expect(detail).toContain("equal to the bit");
		expect(findings[0]).toMatchObject({ expected: "F32", found: "F16" });
	});

	test("weights and names that make no average are refused", async () => {
		await expect(checkFiles([SOUP, AUGREG, REWIND], { weights: [1] })).rejects.toMatchObject({ code: "ERR_WEIGHTS" });
		const keep = new Map([["logit_scal", 1]]);
		await expect(checkFiles([SOUP, AUGREG, REWIND], { keep })).rejects.toMatchObject({ code: "ERR_USAGE" });
	});
});

describe("checkSoup compares what is not averaged", () => {
	const ints = (value: number): TestTensor => ({
		dtype: "I32",
		shape: [2],
		bytes: Uint8Array.of(value, 0, 0, 0, 1, 0, 0, 0),
	});

	async function checkInts(name: string, soup: number, first: number, second: number) {
		const folder = await temporaryFolder();
		const paths = await Promise.all(
			[soup, first, second].map((value, index) =>
				writeCheckpoint(join(folder, `${index}.safetensors`), { [name]: ints(value), w: f32(1) }),
			),
		);
		return checkFiles(paths);
	}

	test("integers have to be equal everywhere", async () => {
		expect(await checkInts("ids", 7, 7, 7)).toMatchObject({ status: "passed" });
		const wrong = await checkInts("ids", 8, 7, 7);
		expect(wrong.findings[0]?.message).toBe('"ids" is not averaged, and is not that of ingredient 1 "1.safetensors"');
		const unlike = await checkInts("ids", 7, 7, 8);
		expect(unlike.findings[0]?.message).toContain('ingredient 2 "2.safetensors" has not the bytes of ingredient 1');
	});

	test("num_batches_tracked is the first ingredient's", async () => {
		expect(await checkInts("bn.num_batches_tracked", 7, 7, 9)).toMatchObject({ status: "passed" });
		expect(await checkInts("bn.num_batches_tracked", 9, 7, 9)).toMatchObject({ status: "failed" });
	});

	test("no tensors at all are not a pass", async () => {
		const folder = await temporaryFolder();
		const paths = await Promise.all([0, 1].map((index) => writeCheckpoint(join(folder, `${index}.safetensors`), {})));
		expect(await checkFiles(paths)).toMatchObject({ status: "skipped" });
	});
});
