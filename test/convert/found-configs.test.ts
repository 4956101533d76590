import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { convert } from "../../src/index.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { aloneIn, digestsOf, faultsOf, jsonAt, layoutPath, libraryDigests } from "./fixtures.ts";

const PROCESSOR = layoutPath("vit-f16", "hf-processor", "processor_config.json");

it("a folder as transformers 5 saves it tells how pictures are prepared, and so does its file by name", async () => {
	const folder = await temporaryFolder();
	const input = join(folder, "in");
	await cp(layoutPath("vit-f16", "hf"), input, { recursive: true });
	await rm(join(input, "preprocessor_config.json"));
	const options = { to: ["openclip"], fsync: false } as const;
	const [fault] = await faultsOf(input, { ...options, output: join(folder, "no") });
	expect(fault?.message).toContain("preprocess.mean");
	await convert(input, { ...options, output: join(folder, "named"), archConfig: PROCESSOR });
	await cp(PROCESSOR, join(input, "processor_config.json"));
	await convert(input, { ...options, output: join(folder, "found") });
	expect(await digestsOf(join(folder, "found"))).toEqual(await libraryDigests("vit-f16", "openclip"));
	const [named, found] = await Promise.all(
		["named", "found"].map((name) => jsonAt(folder, name, "open_clip_config.json")),
	);
	expect(found).toEqual(named);
	expect(found.preprocess_cfg.mean).toEqual([0.48145466, 0.4578275, 0.40821073]);
});

it("a weight file is told of by the configuration beside it, which a note names", async () => {
	const file = layoutPath("vit-f16", "openclip", "open_clip_model.safetensors");
	const folder = await temporaryFolder();
	const { notices } = await convert(file, { to: ["hf"], output: join(folder, "out"), fsync: false });
	expect(notices).toContain(
		`"${file}": ${layoutPath("vit-f16", "openclip", "open_clip_config.json")} beside it tells of it`,
	);
	expect(await digestsOf(join(folder, "out"))).toEqual(await libraryDigests("vit-f16", "hf"));
	expect(await jsonAt(folder, "out", "config.json")).toMatchObject({ vision_config: { num_attention_heads: 3 } });
});

it("tensors alone need no facts that no tensor depends on, and claim none", async () => {
	const folder = await temporaryFolder();
	const lone = await aloneIn(folder, layoutPath("convnext-mlp", "openclip", "open_clip_model.safetensors"));
	const only = { fsync: false, weightsOnly: true } as const;
	const { architecture, description } = await convert(lone, { ...only, to: ["hf"], output: join(folder, "hf") });
	expect({ architecture, description }).toEqual({ architecture: undefined, description: undefined });
	expect(await digestsOf(join(folder, "hf", "vision"))).toEqual(await libraryDigests("convnext-mlp", "timm"));
	const vit = await aloneIn(folder, layoutPath("vit-f16", "openclip", "open_clip_model.safetensors"));
	const file = join(folder, "out.safetensors");
	await convert(vit, { fsync: false, to: ["timm"], output: file });
	expect(await digestsOf(file)).toEqual(await libraryDigests("vit-f16", "timm"));
	const [fault] = await faultsOf(vit, { to: ["timm"], output: join(folder, "no") });
	expect(fault?.message).toContain("quickGelu, vision.heads, vision.eps");
});
