import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { convert } from "../../src/index.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { digestsOf, faultsOf, jsonAt, layoutPath, libraryDigests } from "./fixtures.ts";

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
