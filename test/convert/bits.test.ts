import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { expectDone } from "../cli/expectations.ts";
import { hasFolder } from "../layouts/systems.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { digestsOf, digitsPath, layoutPath, libraryDigests } from "./fixtures.ts";

/** Systems whose OpenCLIP files are there with their bytes. */
const SYSTEMS = [
	{ system: "vit-f16", openclip: layoutPath("vit-f16", "openclip"), isVit: true },
	{ system: "convnext-mlp", openclip: layoutPath("convnext-mlp", "openclip"), isVit: false },
	{ system: "digits-clip-soup", openclip: digitsPath("soup"), isVit: false },
];

/** digits-clip's soup is there without its configuration. */
function architecture(system: string): string[] {
	return system === "digits-clip-soup" ? ["--arch-config", join(digitsPath("augreg"), "open_clip_config.json")] : [];
}

describe.each(SYSTEMS)("convert of $system", ({ system, openclip, isVit }) => {
	const told = architecture(system);
	const hfFolders = isVit ? ["hf"] : ["hf/vision", "hf/text"];

	it("writes timm's and transformers' own files to the bit, and reads them back", async () => {
		const out = await temporaryFolder();
		expectDone(await runCli(["convert", openclip, "--to", "openclip,timm,hf", "-o", out, ...told]));
		for (const folder of ["openclip", "timm", ...hfFolders]) {
			expect(await digestsOf(join(out, folder)), folder).toEqual(await libraryDigests(system, folder));
		}
		expectDone(await runCli(["convert", join(out, "hf"), "--to", "openclip", "-o", join(out, "from-hf")]));
		const text = ["--text", join(out, isVit ? "openclip" : "hf/text")];
		expectDone(await runCli(["convert", join(out, "timm"), ...text, "--to", "openclip", "-o", join(out, "from-timm")]));
		const expected = await libraryDigests(system, "openclip");
		expect(await digestsOf(join(out, "from-hf"))).toEqual(expected);
		expect(await digestsOf(join(out, "from-timm"))).toEqual(expected);
	});

	it.runIf(hasFolder(system, "hf-dual"))("writes the dual encoder's file to the bit, and reads it back", async () => {
		const out = await temporaryFolder();
		const dual = join(out, "dual");
		expectDone(await runCli(["convert", openclip, "--to", "hf", "--hf-dual", "-o", dual, ...told]));
		expect(await digestsOf(dual)).toEqual(await libraryDigests(system, "hf-dual"));
		expectDone(await runCli(["convert", dual, "--to", "openclip", "-o", join(out, "back")]));
		expect(await digestsOf(join(out, "back"))).toEqual(await libraryDigests(system, "openclip"));
	});
});

describe("convert between the libraries' own files", () => {
	it("takes a CLIPModel to timm and OpenCLIP", async () => {
		const out = await temporaryFolder();
		expectDone(await runCli(["convert", layoutPath("vit-f16", "hf"), "--to", "openclip,timm", "-o", out]));
		expect(await digestsOf(join(out, "openclip"))).toEqual(await libraryDigests("vit-f16", "openclip"));
		expect(await digestsOf(join(out, "timm"))).toEqual(await libraryDigests("vit-f16", "timm"));
	});

	it("takes a dual encoder to the pair, and the other way round", async () => {
		const out = await temporaryFolder();
		expectDone(await runCli(["convert", layoutPath("convnext-mlp", "hf-dual"), "--to", "hf", "-o", join(out, "pair")]));
		expect(await digestsOf(join(out, "pair", "text"))).toEqual(await libraryDigests("convnext-mlp", "hf/text"));
		const dual = ["convert", join(out, "pair"), "--to", "hf", "--hf-dual", "-o", join(out, "dual")];
		expectDone(await runCli(dual));
		expect(await digestsOf(join(out, "dual"))).toEqual(await libraryDigests("convnext-mlp", "hf-dual"));
	});

	it("takes an image and a text tower that lie apart to every other layout", async () => {
		const out = await temporaryFolder();
		const timm = layoutPath("convnext-mlp", "timm");
		const text = ["--text", layoutPath("convnext-mlp", "hf", "text"), "--logit-scale", "2.6592600345611572"];
		expectDone(await runCli(["convert", timm, ...text, "--to", "openclip,timm,hf", "-o", out]));
		const expected = await libraryDigests("convnext-mlp", "openclip");
		const found = await digestsOf(join(out, "openclip"));
		expect({ ...found, logit_scale: undefined }).toEqual({ ...expected, logit_scale: undefined });
		expect(found.logit_scale?.slice(0, 2)).toEqual(["F32", []]);
		expect(await digestsOf(join(out, "timm"))).toEqual(await libraryDigests("convnext-mlp", "timm"));
		expect(await digestsOf(join(out, "hf", "text"))).toEqual(await libraryDigests("convnext-mlp", "hf/text"));
	});
});
