import { cp, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { exportOnnx } from "../../src/export-onnx.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { type Given, inputsOf, largestError, openClipOf, openModel, readExpected } from "./systems.ts";

const VIT_PAIR: Given = {
	path: "fixtures/layouts/vit-f16/timm",
	options: { text: "fixtures/layouts/vit-f16/openclip" },
};

/** Runs an `.onnx` file as anyone would, in a session that knows nothing of us. */
async function outputsOf(file: string, given: Given): Promise<InferenceSession.OnnxValueMapType> {
	await using opened = await openModel(given);
	const session = await InferenceSession.create(file);
	const { imageSize } = opened.architecture.vision;
	const pixels = inputsOf(opened, "image", 2);
	const ids = inputsOf(opened, "text", 3);
	if (!(pixels instanceof Float32Array) || !(ids instanceof BigInt64Array)) throw new TypeError("Other inputs");
	const outputs = await session.run({
		pixel_values: new Tensor("float32", pixels, [2, 3, imageSize, imageSize]),
		input_ids: new Tensor("int64", ids, [3, opened.architecture.text.contextLength]),
	});
	await session.release();
	return outputs;
}

async function expectOutputs(outputs: InferenceSession.OnnxValueMapType, system: string): Promise<void> {
	for (const name of ["image_features", "text_features", "logits_per_image"]) {
		const { values, tolerance } = await readExpected(system, name);
		const data = outputs[name]?.data;
		if (!(data instanceof Float32Array)) throw new TypeError(`No ${name}`);
		expect(largestError(data, values), name).toBeLessThanOrEqual(tolerance);
	}
}

describe("export-onnx", () => {
	const systems = ["vit", "vit-quickgelu", "vit-f16", "convnext-mlp", "digits-soup", "resnet"];

	it.each(systems)(
		"gives %s's features and logits in a session of its own, wherever the folder goes",
		async (system) => {
			const given = openClipOf(system);
			const folder = await temporaryFolder();
			await mkdir(join(folder, "out"));
			const { copiedByteLength } = await exportOnnx(given.path, {
				...given.options,
				output: join(folder, "out/model.onnx"),
				fsync: false,
			});
			expect(copiedByteLength).toBeGreaterThan(0);
			await rename(join(folder, "out"), join(folder, "moved"));
			await expectOutputs(await outputsOf(join(folder, "moved/model.onnx"), given), system);
		},
	);

	it("points into weights that lie beside it, and copies nothing", async () => {
		const folder = await temporaryFolder();
		const given = openClipOf("vit");
		await cp(given.path, join(folder, "vit"), { recursive: true });
		const before = await readdir(join(folder, "vit"));

		const { exitCode, stdout } = await runCli([
			"export-onnx",
			join(folder, "vit"),
			"-o",
			join(folder, "vit/model.onnx"),
		]);

		expect(exitCode).toBe(0);
		expect(stdout).toContain("in place, nothing copied");
		expect((await readdir(join(folder, "vit"))).sort()).toEqual([...before, "model.onnx"].sort());
		await expectOutputs(await outputsOf(join(folder, "vit/model.onnx"), given), "vit");
	});

	it("copies the files of towers from several folders", async () => {
		const folder = await temporaryFolder();
		const output = join(folder, "model.onnx");
		const { files } = await exportOnnx(VIT_PAIR.path, { ...VIT_PAIR.options, output, fsync: false });
		expect(files).toEqual(["model.onnx-1-of-2.safetensors", "model.onnx-2-of-2.safetensors", "model.onnx"]);
		await expectOutputs(await outputsOf(output, VIT_PAIR), "vit-f16");
	});

	it("exports one tower", async () => {
		const output = join(await temporaryFolder(), "image.onnx");
		await exportOnnx("fixtures/digits-clip/augreg", { output, tower: "image", fsync: false });
		const session = await InferenceSession.create(output);
		expect([session.inputNames, session.outputNames]).toEqual([["pixel_values"], ["image_features"]]);
	});

	it.each([
		{
			fault: "a name without .onnx",
			args: ["fixtures/digits-clip/augreg"],
			name: "model",
			says: "ends in .onnx",
			code: 2,
		},
		{ fault: "no configuration", args: ["fixtures/digits-clip/soup"], name: "m.onnx", says: "--arch", code: 2 },
		{
			fault: "a tower that is not there",
			args: ["fixtures/layouts/vit-f16/timm", "--tower", "text"],
			name: "m.onnx",
			says: "no text tower",
			code: 3,
		},
	])("refuses $fault and writes nothing", async ({ args, name, says, code }) => {
		const folder = await temporaryFolder();
		const { exitCode, stderr } = await runCli(["export-onnx", ...args, "-o", join(folder, name)]);
		expect([exitCode, stderr]).toEqual([code, expect.stringContaining(says)]);
		expect(await readdir(folder)).toEqual([]);
	});

	it("replaces nothing unasked", async () => {
		const output = join(await temporaryFolder(), "model.onnx");
		await exportOnnx("fixtures/digits-clip/augreg", { output, fsync: false });
		await expect(exportOnnx("fixtures/digits-clip/augreg", { output })).rejects.toMatchObject({
			code: "ERR_OUTPUT_EXISTS",
		});
		await exportOnnx("fixtures/digits-clip/rewind", { output, force: true, fsync: false });
	});
});
