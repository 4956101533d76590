import { access, cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { containerFailure } from "../../src/checks/container.ts";
import { ClipSoupError } from "../../src/errors.ts";
import type { CheckId, CheckResult } from "../../src/verification.ts";
import { type VerifyOptions, verify } from "../../src/verify.ts";
import { layoutPath } from "../convert/fixtures.ts";
import { f32, type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { tensors } from "./plant.ts";

const VIT = "fixtures/onnx/vit/openclip";

async function refusal(path: string, options: VerifyOptions = {}): Promise<Partial<ClipSoupError>> {
	return verify(path, { threads: 1, ...options }).then(
		() => ({ message: "it was not refused" }),
		(error) => error,
	);
}

describe("verify refuses options that it would pass over:", () => {
	const cases: readonly (readonly [string, VerifyOptions, string])[] = [
		["weights of no soup", { weights: [1, 2] }, "Cannot use --weights: found no --soup-of"],
		["sums of no soup", { normalize: false }, "Cannot use --no-normalize: found no --soup-of"],
		["kept tensors of no soup", { keep: new Map([["logit_scale", 1]]) }, "Cannot use --keep: found no --soup-of"],
		["a recipe of no soup", { recipe: "soup.json" }, "Cannot use --recipe: found no --soup-of"],
		["a key without a signature", { key: "key.pem" }, "Cannot use --key: found no --signature"],
		["a signature without a key", { signature: "model.sig" }, "Cannot use --signature: found no --key"],
		["unsigned files of no signature", { ignoreUnsigned: true }, "Cannot use --ignore-unsigned: found no --signature"],
		["a comparison of no features", { sameAs: [VIT], forward: false }, "Cannot use --same-as with --no-forward"],
	];
	it.each(cases)("%s", async (_, options, message) => {
		expect(await refusal("nowhere", options)).toMatchObject({
			code: "ERR_USAGE",
			message: expect.stringContaining(message),
		});
	});
});

describe("verify does not pass where nothing was proved:", () => {
	it("a checkpoint without tensors, of which it writes no lock", async () => {
		const folder = await temporaryFolder();
		const [empty, lock] = [await writeCheckpoint(join(folder, "empty.safetensors"), {}), join(folder, "lock.json")];
		expect(await refusal(empty)).toMatchObject({
			code: "ERR_NOTHING_TO_CHECK",
			exitCode: 2,
			message: `Cannot verify "${empty}": found no answer to CS012 configuration: there are no tensors`,
		});
		expect(await refusal(empty, { writeLock: lock })).toMatchObject({ code: "ERR_NOTHING_TO_CHECK" });
		await expect(access(lock)).rejects.toThrow("ENOENT");
	});

	it("a soup and ingredients without tensors", async () => {
		const empty = await writeCheckpoint(join(await temporaryFolder(), "empty.safetensors"), {});
		expect(await refusal(empty, { soupOf: [empty, empty] })).toMatchObject({
			code: "ERR_NOTHING_TO_CHECK",
			message: expect.stringContaining("CS008 soup: There is no tensor to compare"),
		});
	});

	it("a mixture of whole numbers", async () => {
		const folder = await temporaryFolder();
		const whole = await writeCheckpoint(join(folder, "ids.safetensors"), { ids: { dtype: "I64", shape: [4] } });
		expect(await refusal(whole, { recover: [whole, whole] })).toMatchObject({
			code: "ERR_NOTHING_TO_CHECK",
			message: expect.stringContaining("CS008 soup"),
		});
	});

	it("the tower that is not there", async () => {
		expect(await refusal(layoutPath("vit-f16", "timm"), { tower: "text" })).toMatchObject({
			code: "ERR_NOTHING_TO_CHECK",
			message: expect.stringContaining("found no text tower"),
		});
	});

	it("but fails where a check fails: an empty file is not what was locked", async () => {
		const folder = await temporaryFolder();
		const [full, empty] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
		const lock = join(folder, "lock.json");
		await writeCheckpoint(full, { x: f32(1, 2) });
		await writeCheckpoint(empty, {});
		await verify(full, { writeLock: lock });
		const { checks } = await verify(empty, { lock });
		expect(checks.filter(({ status }) => status === "failed").map(({ check }) => check)).toEqual(["CS003"]);
	});
});

describe("verify expects of a model the towers that its form has:", () => {
	const openclip = layoutPath("vit-f16", "openclip");
	const cases: readonly (readonly [string, string, VerifyOptions, string])[] = [
		["timm's image tower", layoutPath("vit-f16", "timm"), {}, "32 tensors of image"],
		[
			"timm's image tower with a text tower",
			layoutPath("vit-f16", "timm"),
			{ text: openclip },
			"62 tensors of image, text",
		],
		["both in one folder", layoutPath("vit-f16", "hf"), {}, "62 tensors of image, text, joint"],
		["a Hugging Face text tower", layoutPath("convnext-mlp", "hf", "text"), {}, "29 tensors of text"],
		["both in transformers' dual form", layoutPath("convnext-mlp", "hf-dual"), {}, "96 tensors of image, text, joint"],
	];
	it.each(cases)("%s", async (_, path, options, detail) => {
		const { checks } = await verify(path, { forward: false, threads: 1, ...options });
		expect(resultOf(checks, "CS003")).toMatchObject({
			status: "passed",
			detail: expect.stringContaining(`${detail} against`),
		});
		expect(resultOf(checks, "CS012").detail).not.toContain("/fixtures/");
	});
});

it("names files from the model's folder on, wherever that lies", async () => {
	const { checks } = await verify(layoutPath("vit-f16", "openclip"), { sameAs: [layoutPath("vit-f16", "hf")] });
	expect(JSON.stringify(checks)).not.toContain(layoutPath());
	expect(resultOf(checks, "CS010").detail).toMatch(/^"hf": 1 − cos image /);
});

function resultOf(checks: readonly CheckResult[], id: CheckId): CheckResult {
	const found = checks.find(({ check }) => check === id);
	if (found === undefined) throw new Error(`${id} did not run`);
	return found;
}

describe("a file that cannot be read is a finding", () => {
	const error = (file: string) =>
		new ClipSoupError("ERR_FILE_TRUNCATED", `Cannot read "${file}"`, { details: { file } });

	it.each([
		["of the model's folder, from there on", "out/soup", "out/soup/a.safetensors", "a.safetensors"],
		[
			"of an absolute folder with a slash at its end",
			"/data/soup/",
			"/data/soup/vision/a.safetensors",
			"vision/a.safetensors",
		],
		["given by its name", "out/a.safetensors", "out/a.safetensors", "a.safetensors"],
		["in the current folder", "a.safetensors", "a.safetensors", "a.safetensors"],
		["of an ingredient, which lies elsewhere", "out/soup", "out/augreg/a.safetensors", undefined],
	])("%s", (_, path, file, expected) => {
		const [result] = containerFailure(error(file), path);
		expect(result).toMatchObject({ check: "CS001", status: "failed" });
		expect(result?.findings[0]?.file).toBe(expected);
	});

	it("but of another check than CS001 if the file is whole", () => {
		const others = [
			new ClipSoupError("ERR_INPUT_NOT_FOUND", "no lock", { details: { path: "lock.json" } }),
			new ClipSoupError("ERR_SIGNATURE_INVALID", "no signature"),
		];
		for (const other of others) expect(containerFailure(other, "out/soup")).toEqual([]);
	});
});

describe("CS002 says that tensors are missing or narrower", () => {
	const cases: readonly (readonly [string, (folder: string) => Promise<unknown>, string | undefined])[] = [
		["where they are", tensors((all) => all.delete("ln_final.bias")), "tensors are missing or narrower"],
		["not where the header is shorter", tensors((all) => all.set("ln_final.bias", zeros(48)), {}), undefined],
	];
	it.each(cases)("%s", async (_, plant, cause) => {
		const folder = await temporaryFolder();
		const [lock, copy] = [join(folder, "lock.json"), join(folder, "copy")];
		await cp(VIT, copy, { recursive: true });
		await tensors(() => undefined, { note: "a header that is longer" })(copy);
		await verify(copy, { writeLock: lock, forward: false });
		await plant(copy);
		const { checks } = await verify(copy, { lock, forward: false });
		const [finding] = resultOf(checks, "CS002").findings;
		expect(finding?.message).toMatch(/has \d+ bytes, expected \d+$/);
		expect(finding?.cause).toBe(cause);
	});
});

function zeros(length: number): TestTensor {
	return { dtype: "F32", shape: [length] };
}
