import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { average, convert } from "../../src/index.ts";
import { readSafetensors } from "../cli/read-safetensors.ts";
import { systemOf } from "../layouts/knowledge.ts";
import { temporaryFolder } from "../support/tmp.ts";
import {
	type Changes,
	changedCopy,
	digestsOf,
	digitsPath,
	faultsOf,
	jsonAt,
	layoutPath,
	libraryDigests,
	readTensors,
	required,
} from "./fixtures.ts";
import { writeModel } from "./models.ts";

const KEY = "clip_soup.carried.logit_scale";

async function logitScale(path: string): Promise<Buffer> {
	return required(await readTensors(path), "logit_scale").bytes;
}

/** The bytes that a file carries in its metadata. */
async function carriedScale(file: string): Promise<Buffer> {
	const { metadata } = await readSafetensors(file);
	const { dtype, shape, base64 } = JSON.parse(metadata[KEY] ?? "null");
	expect({ dtype, shape }).toEqual({ dtype: "F32", shape: [] });
	return Buffer.from(base64, "base64");
}

/** augreg, rewind and their soup as folders of a layout. */
async function digitsIn(folder: string, to: "timm" | "hf"): Promise<string[]> {
	const archConfig = join(digitsPath("augreg"), "open_clip_config.json");
	for (const name of ["augreg", "rewind", "soup"] as const) {
		await convert(digitsPath(name), { to: [to], output: join(folder, name), archConfig, fsync: false });
	}
	return ["augreg", "rewind", "soup"].map((name) => join(folder, name));
}

describe("the temperature", () => {
	it.each([
		{ to: "timm" as const, file: "model.safetensors" },
		{ to: "hf" as const, file: "vision/model.safetensors" },
	])("is carried in the metadata of $to, and comes back", async ({ to, file }) => {
		const folder = await temporaryFolder();
		const [soup = ""] = (await digitsIn(folder, to)).slice(2);
		expect(await carriedScale(join(soup, file))).toEqual(await logitScale(digitsPath("soup")));
		const text = to === "timm" ? { text: digitsPath("augreg") } : {};
		await convert(soup, { to: ["openclip"], ...text, output: join(folder, "back"), fsync: false });
		expect(await logitScale(join(folder, "back"))).toEqual(await logitScale(digitsPath("soup")));
	});

	it("is carried in the index of shards", async () => {
		const folder = await temporaryFolder();
		const options = { to: ["hf"], maxShardSize: 100_000, fsync: false } as const;
		await convert(digitsPath("augreg"), { ...options, output: join(folder, "hf") });
		expect((await jsonAt(folder, "hf", "vision", "model.safetensors.index.json")).metadata).toHaveProperty([KEY]);
		const text = digitsPath("rewind");
		const vision = join(folder, "hf", "vision");
		await convert(vision, { to: ["openclip"], text, output: join(folder, "back"), fsync: false });
		expect(await logitScale(join(folder, "back"))).toEqual(await logitScale(digitsPath("augreg")));
	});

	it.each([
		{ to: "timm" as const, file: "model.safetensors" },
		{ to: "hf" as const, file: "vision/model.safetensors" },
	])("is averaged like a stored one when $to folders carry it", async ({ to, file }) => {
		const folder = await temporaryFolder();
		const [augreg = "", rewind = "", soup = ""] = await digitsIn(folder, to);
		await average([augreg, rewind], { output: join(folder, "mean"), fsync: false });
		const mean = await carriedScale(join(folder, "mean", file));
		expect(mean).toEqual(await carriedScale(join(soup, file)));
		expect(mean).not.toEqual(await carriedScale(join(augreg, file)));
		const weights = [0.25, 0.75];
		await average([augreg, rewind], { output: join(folder, "weighted"), weights, fsync: false });
		await average([digitsPath("augreg"), digitsPath("rewind")], {
			output: join(folder, "stored"),
			weights,
			fsync: false,
		});
		expect(await carriedScale(join(folder, "weighted", file))).toEqual(await logitScale(join(folder, "stored")));
	});

	it("is not invented where one of the inputs has none", async () => {
		const folder = await temporaryFolder();
		const [augreg = ""] = await digitsIn(folder, "timm");
		await convert(digitsPath("rewind"), { to: ["timm"], output: join(folder, "bare"), drop: [], fsync: false });
		const { metadata } = await readSafetensors(join(augreg, "model.safetensors"));
		expect(metadata).toHaveProperty([KEY]);
		const bare = join(folder, "none");
		await average([layoutPath("convnext-mlp", "timm"), layoutPath("convnext-mlp", "timm")], {
			output: bare,
			fsync: false,
		});
		expect((await readSafetensors(join(bare, "model.safetensors"))).metadata).not.toHaveProperty([KEY]);
	});

	it("is given by --logit-scale where no file has it, and refused where one has", async () => {
		const folder = await temporaryFolder();
		const options = { to: ["openclip"], text: layoutPath("convnext-mlp", "hf", "text"), fsync: false } as const;
		const output = join(folder, "out");
		await convert(layoutPath("convnext-mlp", "timm"), { ...options, output, logitScale: 4.6052 });
		expect((await logitScale(output)).readFloatLE()).toBe(Math.fround(4.6052));
		const carrying = await convert(output, { to: ["timm"], output: join(folder, "timm"), fsync: false });
		expect(carrying.notices.join()).toMatch(/logit_scale is carried/);
		const faults = await faultsOf(join(folder, "timm"), { ...options, logitScale: 3, output: join(folder, "no") });
		expect(faults.map(({ code, message }) => [code, message])).toEqual([
			["ERR_USAGE", expect.stringContaining("has a temperature of its own")],
		]);
	});

	it("has the shape that the configuration wants, whichever the file's is", async () => {
		const folder = await temporaryFolder();
		const VIT = layoutPath("vit-f16", "openclip");
		const nonscalar: Changes = {
			tensors: (tensors) => tensors.set("logit_scale", { ...required(tensors, "logit_scale"), shape: [1] }),
		};
		const wanted: Changes = {
			json: {
				"open_clip_config.json": (json) => ({
					...json,
					model_cfg: { ...Object(json.model_cfg), nonscalar_logit_scale: true },
				}),
			},
		};
		const single = await changedCopy(VIT, join(folder, "single"), nonscalar);
		const scalar = await changedCopy(VIT, join(folder, "scalar"), wanted);
		const both = await changedCopy(single, join(folder, "both"), wanted);
		for (const [input, expected] of [
			[single, VIT],
			[scalar, both],
			[both, both],
		] as const) {
			const output = join(folder, `of ${basename(input)}`);
			await convert(input, { to: ["openclip", "hf"], output, fsync: false });
			expect(await digestsOf(join(output, "openclip")), input).toEqual(await digestsOf(expected));
			expect(await digestsOf(join(output, "hf")), input).toEqual(await digestsOf(layoutPath("vit-f16", "hf")));
		}
	});

	it("is not carried where --drop leaves it out", async () => {
		const folder = await temporaryFolder();
		const options = { to: ["timm"], drop: ["logit_scale"], output: join(folder, "timm"), fsync: false } as const;
		const { notices } = await convert(digitsPath("augreg"), options);
		expect(notices).toContain("timm: logit_scale is dropped");
		expect((await readSafetensors(join(folder, "timm", "model.safetensors"))).metadata).not.toHaveProperty([KEY]);
	});

	it("is refused if two folders of a pair carry different ones, unless it is given", async () => {
		const folder = await temporaryFolder();
		await convert(digitsPath("augreg"), { to: ["hf"], output: join(folder, "hf"), fsync: false });
		const { metadata } = await readSafetensors(join(folder, "hf", "vision", "model.safetensors"));
		const own = metadata[KEY] ?? "";
		const carrying = async (value: string) => {
			await changedCopy(join(folder, "hf", "text"), join(folder, "text"), { metadata: { [KEY]: value } });
			return { to: ["openclip"], text: join(folder, "text"), fsync: false } as const;
		};
		const vision = join(folder, "hf", "vision");
		const other = own.replace(/"base64":"[^"]*"/, '"base64":"AACAQA=="');
		const [fault] = await faultsOf(vision, { ...(await carrying(other)), output: join(folder, "no") });
		expect(fault).toMatchObject({ code: "ERR_VALUE_MISMATCH", fix: expect.stringContaining("--logit-scale") });
		await convert(vision, { ...(await carrying(other)), logitScale: 3, output: join(folder, "told") });
		expect((await logitScale(join(folder, "told"))).readFloatLE()).toBe(3);
		await convert(vision, { ...(await carrying(own)), output: join(folder, "same") });
		expect(await logitScale(join(folder, "same"))).toEqual(await logitScale(digitsPath("augreg")));
	});

	it("of a folder given with --text counts only where the image tower brings none", async () => {
		const folder = await temporaryFolder();
		const [augreg = ""] = await digitsIn(folder, "timm");
		const text = digitsPath("rewind");
		await convert(augreg, { to: ["openclip"], text, output: join(folder, "carried"), fsync: false });
		expect(await logitScale(join(folder, "carried"))).toEqual(await logitScale(digitsPath("augreg")));
		const openclip = layoutPath("convnext-mlp", "openclip");
		const output = join(folder, "stored");
		await convert(layoutPath("convnext-mlp", "timm"), { to: ["openclip"], text: openclip, output, fsync: false });
		expect(await digestsOf(output)).toEqual(await libraryDigests("convnext-mlp", "openclip"));
	});

	it("stays the image tower's own where --text names a pair, of which the text tower is taken", async () => {
		const folder = await temporaryFolder();
		const [augreg = "", rewind = ""] = await digitsIn(folder, "hf");
		const output = join(folder, "back");
		await convert(join(augreg, "vision"), { to: ["openclip"], text: rewind, output, fsync: false });
		const [found, other] = [await digestsOf(output), await digestsOf(digitsPath("rewind"))];
		expect(found["ln_final.weight"]).toEqual(other["ln_final.weight"]);
		expect(await logitScale(output)).toEqual(await logitScale(digitsPath("augreg")));
	});

	it("is no parameter of timm's: its file holds the tensors of timm's model and no more", async () => {
		const folder = await temporaryFolder();
		const [, , soup = ""] = await digitsIn(folder, "timm");
		expect(await digestsOf(soup)).toEqual(await libraryDigests("digits-clip-soup", "timm"));
	});
});

it("a trained bias of a ConvNeXt's head is averaged in timm's layout, and comes back", async () => {
	const folder = await temporaryFolder();
	const { architecture } = systemOf("convnext-mlp");
	const { vision } = architecture;
	if (vision.family !== "convnext") throw new Error("The fixture is a ConvNeXt");
	const input = await writeModel(join(folder, "in"), { ...architecture, vision: { ...vision, headBias: true } });
	await convert(input, { to: ["timm"], output: join(folder, "timm"), fsync: false });
	await average([join(folder, "timm"), join(folder, "timm")], { output: join(folder, "soup"), fsync: false });
	await convert(join(folder, "soup"), { to: ["openclip"], text: input, output: join(folder, "back"), fsync: false });
	expect(await digestsOf(join(folder, "back"))).toEqual(await digestsOf(input));
	expect(await jsonAt(folder, "back", "open_clip_config.json")).toEqual(await jsonAt(input, "open_clip_config.json"));
});
