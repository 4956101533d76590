import { mkdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/convert.ts";
import { buildTowerGraph } from "../../src/onnx/clip.ts";
import { openTower } from "../../src/onnx/session.ts";
import type { FloatDtype } from "../../src/tensor/dtype.ts";
import { decodeFloat, encodeFloat } from "../../src/tensor/float-bits.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { featuresOf, largestError, openClipOf, openModel, readExpected } from "./systems.ts";

const CONFIG = "fixtures/onnx/vit/openclip/open_clip_config.json";

/** Every tensor of the ViT, made again by `change`, under its own name behind `prefix(name)`. */
async function rewrite(
	path: string,
	change: (values: readonly number[]) => Omit<TestTensor, "shape">,
	prefix = (_: string) => "",
) {
	await using opened = await openModel(openClipOf("vit"));
	const [checkpoint] = opened.model.checkpoints;
	const tensors = new Map<string, TestTensor>();
	for (const [name, { shape }] of checkpoint?.tensors ?? []) {
		const values = Array.from((await checkpoint?.readArray(name))?.data ?? [], Number);
		tensors.set(`${prefix(name)}${name}`, { shape, ...change(values) });
	}
	return writeCheckpoint(path, tensors);
}

async function expectVitFeatures(path: string) {
	await using opened = await openModel({ path, options: { archConfig: CONFIG } });
	for (const tower of ["image", "text"] as const) {
		const { values, tolerance } = await readExpected("vit", `${tower}_features`);
		expect(largestError(await featuresOf(opened, tower), values)).toBeLessThanOrEqual(tolerance);
	}
}

/** The values that a dtype makes of others. */
function rounded(dtype: FloatDtype, values: readonly number[]): readonly number[] {
	const view = new DataView(new ArrayBuffer(8));
	return values.map((value) => {
		encodeFloat(dtype, value, view, 0);
		return decodeFloat(dtype, view, 0);
	});
}

describe("a tower", () => {
	it.each(["F64", "F16", "BF16", "F8_E4M3", "F8_E5M2"] as const)(
		"of %s computes as with the same values in F32",
		async (dtype) => {
			const folder = await temporaryFolder();
			const narrow = await rewrite(join(folder, "narrow.safetensors"), (values) => ({ dtype, values }));
			const wide = await rewrite(join(folder, "wide.safetensors"), (values) => ({
				dtype: "F32",
				values: rounded(dtype, values),
			}));
			for (const tower of ["image", "text"] as const) {
				await using a = await openModel({ path: narrow, options: { archConfig: CONFIG } });
				await using b = await openModel({ path: wide, options: { archConfig: CONFIG } });
				expect(await featuresOf(a, tower)).toEqual(await featuresOf(b, tower));
			}
		},
	);

	it("of a CustomTextCLIP computes as a CLIP's", async () => {
		const folder = await temporaryFolder();
		const isText = (name: string) => !name.startsWith("visual.") && name !== "logit_scale";
		const path = join(folder, "custom.safetensors");
		await rewrite(
			path,
			(values) => ({ dtype: "F32", values }),
			(name) => (isText(name) ? "text." : ""),
		);
		const config = { model_cfg: { ...(await vitConfig()), custom_text: true } };
		await writeFile(join(folder, "open_clip_config.json"), JSON.stringify(config));
		await using opened = await openModel({ path, options: { archConfig: join(folder, "open_clip_config.json") } });
		for (const tower of ["image", "text"] as const) {
			const { values, tolerance } = await readExpected("vit-customtext", `${tower}_features`);
			expect(largestError(await featuresOf(opened, tower), values)).toBeLessThanOrEqual(tolerance);
		}
	});

	it("whose weights lie in shards computes as from one file", async () => {
		const output = join(await temporaryFolder(), "hf");
		await convert(openClipOf("vit").path, { to: ["hf"], output, maxShardSize: 200_000, fsync: false });
		await expectVitFeatures(output);
	});

	it("whose shards are symlinks to several folders, as in a Hub cache, computes as from one file", async () => {
		const folder = await temporaryFolder();
		const output = join(folder, "snapshot");
		await convert(openClipOf("vit").path, { to: ["hf"], output, maxShardSize: 200_000, fsync: false });
		await using opened = await openModel({ path: output, options: {} });
		const [checkpoint] = opened.model.checkpoints;
		expect(checkpoint?.files.length).toBeGreaterThan(2);
		for (const [number, { name }] of (checkpoint?.files ?? []).entries()) {
			const blobs = join(folder, "blobs", String(number % 2));
			await mkdir(blobs, { recursive: true });
			await rename(join(output, name), join(blobs, `blob${number}`));
			await symlink(join("..", "blobs", String(number % 2), `blob${number}`), join(output, name));
		}
		await expectVitFeatures(output);
	});

	it("in a folder whose name is not ASCII computes as in any other", async () => {
		const path = join(await temporaryFolder(), "süppe 🍲", "a model.safetensors");
		await expectVitFeatures(await rewrite(path, (values) => ({ dtype: "F32", values })));
	});
});

describe("a session", () => {
	it("tells of a file that is gone since its header was read", async () => {
		const path = join(await temporaryFolder(), "model.safetensors");
		await rewrite(path, (values) => ({ dtype: "F32", values }));
		await using opened = await openModel({ path, options: { archConfig: CONFIG } });
		const graph = await buildTowerGraph(opened.model, opened.architecture, "text");
		await rename(path, `${path}.away`);
		await expect(openTower(graph)).rejects.toMatchObject({
			code: "ERR_RUNTIME",
			message: /Cannot set up the text tower/,
		});
	});

	it("refuses a file that another one replaced since its header was read", async () => {
		const folder = await temporaryFolder();
		const path = await rewrite(join(folder, "model.safetensors"), (values) => ({ dtype: "F32", values }));
		await using opened = await openModel({ path, options: { archConfig: CONFIG } });
		await rename(await rewrite(join(folder, "other.safetensors"), (values) => ({ dtype: "F32", values })), path);
		await expect(buildTowerGraph(opened.model, opened.architecture, "text")).rejects.toMatchObject({
			code: "ERR_INPUT_CHANGED",
		});
	});

	it("refuses rows of another length and inputs of the other tower", async () => {
		await using opened = await openModel(openClipOf("vit"));
		await using session = await openTower(await buildTowerGraph(opened.model, opened.architecture, "text"));
		await expect(session.run(new Int32Array(76))).rejects.toThrow(RangeError);
		await expect(session.run(new Float32Array(77))).rejects.toThrow(TypeError);
	});

	it("takes token ids as Int32Array too", async () => {
		await using opened = await openModel(openClipOf("vit"));
		await using session = await openTower(await buildTowerGraph(opened.model, opened.architecture, "text"));
		const ids = Int32Array.from({ length: 77 }, (_, index) => (index < 5 ? index : 0));
		expect(await session.run(ids)).toEqual(await session.run(BigInt64Array.from(ids, BigInt)));
	});
});

describe("a graph", () => {
	it("of integer weights is refused", async () => {
		await using opened = await openModel(openClipOf("vit"));
		const tensors = opened.model.tensors.map((tensor) => ({ ...tensor, dtype: "I8" as const }));
		await expect(buildTowerGraph({ ...opened.model, tensors }, opened.architecture, "text")).rejects.toMatchObject({
			code: "ERR_TENSOR_DTYPE",
		});
	});

	it("of a tower that is not there names a tensor that is missing", async () => {
		await using opened = await openModel(openClipOf("vit"));
		const tensors = opened.model.tensors.filter(({ name }) => name.startsWith("visual."));
		await expect(buildTowerGraph({ ...opened.model, tensors }, opened.architecture, "text")).rejects.toMatchObject({
			code: "ERR_TENSOR_MISSING",
			details: { tensor: "token_embedding.weight" },
		});
	});
});

async function vitConfig(): Promise<object> {
	return JSON.parse(await readFile(CONFIG, "utf8")).model_cfg;
}
