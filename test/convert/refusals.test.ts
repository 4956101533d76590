import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseLayout } from "../../src/cli/flags.ts";
import { expectDone, expectFailure, type Failure } from "../cli/expectations.ts";
import type { TestTensor } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import {
	type Changes,
	changedCopy,
	digestsOf,
	digitsPath,
	faultsOf,
	jsonAt,
	layoutPath,
	required,
	type Tensors,
} from "./fixtures.ts";
import { RESNET, writeModel } from "./models.ts";

const VIT = layoutPath("vit-f16", "openclip");
const VIT_HF = layoutPath("vit-f16", "hf");
const VIT_TIMM = layoutPath("vit-f16", "timm");
const CONVNEXT = layoutPath("convnext-mlp", "openclip");

const WIDTH = 48;

/** An F16 tensor of zeros. */
function zeros(...shape: readonly number[]): TestTensor {
	return { dtype: "F16", shape };
}

function remove(...names: readonly string[]) {
	return (tensors: Tensors) => {
		for (const name of names) {
			required(tensors, name);
			tensors.delete(name);
		}
	};
}

function removeAll(prefix: string) {
	return (tensors: Tensors) => remove(...[...tensors.keys()].filter((name) => name.startsWith(prefix)))(tensors);
}

/** A temperature's bias, as SigLIP has it. */
const LOGIT_BIAS: Changes = {
	tensors: (tensors) => tensors.set("logit_bias", zeros()),
	json: { "open_clip_config.json": ({ model_cfg }) => ({ model_cfg: { ...Object(model_cfg), init_logit_bias: -10 } }) },
};

/** `proj_bias`: the text projection as a Linear. */
const PROJECTION_BIAS: Changes = {
	tensors: (tensors) => {
		tensors.set("text_projection.weight", zeros(WIDTH, WIDTH)).set("text_projection.bias", zeros(WIDTH));
		tensors.delete("text_projection");
	},
	json: {
		"open_clip_config.json": ({ model_cfg }) => {
			const { text_cfg, ...rest } = Object(model_cfg);
			return { model_cfg: { ...rest, text_cfg: { ...text_cfg, proj_bias: true } } };
		},
	},
};

function hf(part: "vision_config" | "text_config", fields: object): Changes {
	return { json: { "config.json": (json) => ({ ...json, [part]: { ...Object(json[part]), ...fields } }) } };
}

interface Refusal extends Failure {
	readonly title: string;
	readonly source?: string;
	readonly changes?: Changes;
	readonly to: string;
	/** Codes of faults besides `code`. */
	readonly also?: readonly string[];
	readonly more?: Readonly<Record<string, unknown>>;
}

const REFUSALS: readonly Refusal[] = [
	{
		title: "logit_bias into a CLIPModel",
		changes: LOGIT_BIAS,
		to: "hf",
		code: "ERR_LAYOUT_MISMATCH",
		says: ['"logit_bias" as Hugging Face CLIPModel', "add no bias to their logits"],
		fix: /--drop logit_bias/,
	},
	{
		title: "the bias of the text projection into a CLIPModel",
		changes: PROJECTION_BIAS,
		to: "hf",
		code: "ERR_LAYOUT_MISMATCH",
		says: ['"text_projection.bias"', "text projection has no bias"],
		fix: /--drop text_projection\.bias/,
	},
	{
		title: "a fine-tuned timm head into OpenCLIP",
		source: VIT_TIMM,
		changes: {
			tensors: (tensors) => tensors.set("head.bias", { dtype: "F16", shape: [WIDTH], values: [0, 0, 0.5] }),
		},
		to: "openclip",
		more: { text: VIT },
		code: "ERR_VALUE_MISMATCH",
		says: ['"head.bias"', "not 0"],
		fix: /fine-tuned.*--drop head\.bias/,
	},
	{
		title: "a timm ConvNeXt's trained bias into OpenCLIP, which may have it",
		source: layoutPath("convnext-mlp", "timm"),
		changes: {
			tensors: (tensors) => tensors.set("head.fc.bias", { dtype: "F32", shape: [WIDTH], values: [0, 0, 0.5] }),
		},
		to: "openclip",
		more: { text: CONVNEXT },
		code: "ERR_VALUE_MISMATCH",
		says: ['"head.fc.bias"', "not 0"],
		fix: /timm_proj_bias: true.*--arch-config/,
	},
	{
		title: "a tensor nobody knows",
		changes: { tensors: (tensors) => tensors.set("visual.register_tokens", zeros(4)) },
		to: "timm",
		code: "ERR_TENSOR_EXTRA",
		says: ['"visual.register_tokens"', "no such tensor in OpenCLIP"],
		fix: /--drop visual\.register_tokens/,
	},
	{
		title: "an image tower without a text tower on the way to OpenCLIP",
		source: VIT_TIMM,
		to: "openclip",
		code: "ERR_TENSOR_MISSING",
		says: ["found no text tower", "found no temperature"],
		fix: /--text.*\n.*--logit-scale/,
	},
	{
		title: "a text tower without an image tower",
		source: layoutPath("convnext-mlp", "hf", "text"),
		to: "openclip",
		code: "ERR_TENSOR_MISSING",
		says: ["found no image tower"],
		fix: /holds the image tower/,
	},
	{
		title: "a checkpoint that lacks tensors, naming them",
		changes: { tensors: remove("visual.ln_pre.weight", "ln_final.bias") },
		to: "hf",
		code: "ERR_TENSOR_MISSING",
		says: ['"visual.ln_pre.weight"', '"ln_final.bias"', "2 faults"],
		fix: /config/,
	},
	{
		title: "one of q, k and v that is missing",
		source: VIT_HF,
		changes: { tensors: remove("vision_model.encoder.layers.1.self_attn.k_proj.weight") },
		to: "openclip",
		code: "ERR_TENSOR_MISSING",
		says: ['"vision_model.encoder.layers.1.self_attn.k_proj.weight"', "all of its parts"],
		fix: /whole checkpoint/,
	},
	{
		title: "q, k and v of different dtypes",
		source: VIT_HF,
		changes: {
			tensors: (tensors) =>
				tensors.set("text_model.encoder.layers.0.self_attn.v_proj.bias", { dtype: "F32", shape: [WIDTH] }),
		},
		to: "openclip",
		code: "ERR_DTYPE_MISMATCH",
		says: ["v_proj.bias", "found F32, expected F16"],
		fix: /as its library wrote it/,
	},
	{
		title: "a last block that is missing, by its tensors' names, or a config that has one block more",
		source: VIT_HF,
		changes: { tensors: removeAll("vision_model.encoder.layers.1.") },
		to: "openclip",
		code: "ERR_TENSOR_MISSING",
		also: ["ERR_ARCHITECTURE_MISMATCH"],
		says: [
			'"vision_model.encoder.layers.1.self_attn.q_proj.weight" into the architecture',
			"no such tensor, expected [60, 60]",
			'"vision_model.encoder.layers.1.mlp.fc2.bias"',
			"vision.layers: found 2 in",
			"(vision_config.num_hidden_layers)",
			"expected 1 as in the image tower's tensors (vision_model.encoder.layers.0.layer_norm1.weight)",
			"17 faults",
		],
		fix: /whole checkpoint.*config/,
	},
	{
		title: "a first block that is missing, every tensor of it",
		changes: { tensors: removeAll("transformer.resblocks.0.") },
		to: "hf",
		code: "ERR_TENSOR_MISSING",
		says: ['"transformer.resblocks.0.ln_1.weight"', '"transformer.resblocks.0.mlp.c_proj.bias"'],
		fix: /whole checkpoint/,
	},
	{
		title: "a block of a timm ConvNeXt that is missing",
		source: layoutPath("convnext-mlp", "timm"),
		changes: { tensors: removeAll("stages.2.blocks.0.") },
		to: "timm",
		code: "ERR_TENSOR_MISSING",
		says: ['"stages.2.blocks.0.gamma"', '"stages.2.blocks.0.mlp.fc2.bias"'],
		fix: /whole checkpoint/,
	},
	{
		title: "a tensor without which a lone file tells nothing, by its stored name",
		source: VIT_HF,
		changes: {
			tensors: remove("vision_model.encoder.layers.0.mlp.fc1.weight"),
			json: {
				"config.json": (json) => ({ ...json, text_config: { ...Object(json.text_config), num_hidden_layers: 9 } }),
			},
		},
		to: "openclip",
		code: "ERR_TENSOR_MISSING",
		says: ['"vision_model.encoder.layers.0.mlp.fc1.weight"'],
		fix: /whole checkpoint/,
	},
	{
		title: "a width of the MLP that the tensors do not have, by field and tensor",
		source: VIT_HF,
		changes: hf("vision_config", { intermediate_size: 240 }),
		to: "openclip",
		code: "ERR_ARCHITECTURE_MISMATCH",
		says: [
			"vision.mlpWidth: found 240 in",
			"(vision_config.intermediate_size)",
			"(vision_model.encoder.layers.0.mlp.fc1.weight)",
		],
		fix: /config/,
	},
	{
		title: "heads that do not divide the width, by their field",
		source: VIT_HF,
		changes: hf("vision_config", { num_attention_heads: 7 }),
		to: "openclip",
		code: "ERR_CONFIG_INVALID",
		says: ['"num_attention_heads" of vision_config of', "found 7, expected a divisor of hidden_size, 60"],
		fix: /config/,
	},
	{
		title: "a width of the text tower that the tensors do not have",
		source: VIT_HF,
		changes: hf("text_config", { hidden_size: 64 }),
		to: "openclip",
		code: "ERR_ARCHITECTURE_MISMATCH",
		says: ["text.width", "found 64 in", "expected 48 as in the text tower's tensors"],
		fix: /config/,
	},
	{
		title: "QuickGELU in one tower only",
		source: VIT_HF,
		changes: hf("vision_config", { hidden_act: "quick_gelu" }),
		to: "openclip",
		code: "ERR_ARCHITECTURE_MISMATCH",
		says: ["quickGelu", "vision_config", "text_config"],
		fix: /config/,
	},
	{
		title: "an end of text that OpenCLIP would not pool at",
		source: VIT_HF,
		changes: hf("text_config", { eos_token_id: 5 }),
		to: "openclip",
		code: "ERR_CONFIG_INVALID",
		says: ["eos_token_id", "found 5, expected 599"],
		fix: /config/,
	},
	{
		title: "a classifier of another number of classes",
		source: VIT_TIMM,
		changes: { json: { "config.json": (json) => ({ ...json, num_classes: 1000 }) } },
		to: "openclip",
		more: { text: VIT },
		code: "ERR_ARCHITECTURE_MISMATCH",
		says: ["embedDim", "1000"],
		fix: /config/,
	},
	{
		title: "names of two layouts in one file",
		changes: { tensors: (tensors) => tensors.set("blocks.0.norm1.weight", zeros(60)) },
		to: "hf",
		code: "ERR_LAYOUT_MISMATCH",
		says: ['"blocks.0.norm1.weight"', "a name of timm beside those of OpenCLIP"],
		fix: /two folders/,
	},
	{
		title: "two forms of a text tower in one file",
		changes: { tensors: (tensors) => tensors.set("text.ln_final.weight", zeros(WIDTH)) },
		to: "hf",
		code: "ERR_LAYOUT_MISMATCH",
		says: ['"text.ln_final.weight"', 'another form of OpenCLIP, "text tower under `text.`"'],
		fix: /--drop text\.ln_final\.weight/,
	},
	{
		title: "what is no CLIP",
		changes: {
			tensors: (tensors) => {
				tensors.clear();
				tensors.set("unet.conv_in.weight", zeros(3));
			},
		},
		to: "hf",
		code: "ERR_LAYOUT_MISMATCH",
		says: ["none with a name of OpenCLIP, timm, Hugging Face"],
		fix: /ViT, ConvNeXt or ResNet/,
	},
	{
		title: "a CoCa, saying what it is",
		changes: { tensors: (tensors) => tensors.set("text_decoder.ln_final.weight", zeros(3)) },
		to: "hf",
		code: "ERR_LAYOUT_MISMATCH",
		says: ["text_decoder", "CoCa"],
		fix: /its own library/,
	},
	{
		title: "the name of another architecture",
		to: "hf",
		more: { arch: "ViT-B-32" },
		code: "ERR_ARCHITECTURE_MISMATCH",
		says: ["vision.width: found 768 in --arch ViT-B-32", "expected 60 as in the image tower's tensors"],
		fix: /leave --arch away/,
	},
	{
		title: "a name that is no preset's",
		to: "hf",
		more: { arch: "ViT-Z-99" },
		code: "ERR_USAGE",
		says: ['--arch "ViT-Z-99"'],
		fix: /--list-archs/,
	},
	{
		title: "--hf-dual without hf",
		source: CONVNEXT,
		to: "timm",
		more: { hfDual: true },
		code: "ERR_USAGE",
		says: ["--hf-dual"],
		fix: /leave it out/,
	},
	{
		title: "pictures that are padded, into transformers",
		changes: {
			json: {
				"open_clip_config.json": (json) => ({
					...json,
					preprocess_cfg: { ...Object(json.preprocess_cfg), resize_mode: "longest" },
				}),
			},
		},
		to: "hf",
		code: "ERR_LAYOUT_MISMATCH",
		says: ["preprocessor_config.json", '"longest"'],
		fix: /does not pad/,
	},
	{
		title: "a tower for which --text gives a second one",
		to: "hf",
		more: { text: VIT_HF },
		code: "ERR_USAGE",
		says: ["Cannot use --text", "has a text tower of its own"],
		fix: /leave --text out/,
	},
	{
		title: "to leave out what every target needs",
		to: "hf",
		more: { drop: ["visual.proj"] },
		code: "ERR_USAGE",
		says: ['Cannot leave "visual.proj" out'],
		fix: /leave --drop visual\.proj out/,
	},
	{
		title: "a temperature besides the checkpoint's own",
		to: "hf",
		more: { logitScale: 3 },
		code: "ERR_USAGE",
		says: ["has a temperature of its own"],
		fix: /leave --logit-scale out/,
	},
];

/** What only the command line can tell, and one of each kind of the faults that the library throws. */
const MISUSES: readonly Refusal[] = [
	...["logit_bias into a CLIPModel", "a checkpoint that lacks tensors, naming them"].map(refusal),
	{ title: "a layout that there is not", to: "onnx", code: "ERR_USAGE", says: ['--to "onnx"'], fix: /--help/ },
	{ title: "a layout twice", to: "hf,hf", code: "ERR_USAGE", says: ["hf,hf", "each once"], fix: /--to hf/ },
	{
		title: "a temperature that is no number",
		to: "hf",
		more: { logitScale: "warm" },
		code: "ERR_USAGE",
		says: ['--logit-scale "warm"'],
		fix: /--help/,
	},
	{
		title: "--hf-dual for a ViT",
		to: "hf",
		more: { hfDual: "" },
		code: "ERR_USAGE",
		says: ["--hf-dual", "no ViT"],
		fix: /CLIPModel/,
	},
];

function refusal(title: string): Refusal {
	const found = REFUSALS.find((one) => one.title === title);
	if (found === undefined) throw new Error(`No refusal "${title}"`);
	return found;
}

/** `logitScale` → `--logit-scale`. */
function flagsOf(options: Readonly<Record<string, unknown>>): string[] {
	return Object.entries(options).flatMap(([name, value]) => {
		const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
		return value === "" || value === true ? [flag] : [flag, String(value)];
	});
}

async function inputOf({ source = VIT, changes }: Refusal, folder: string): Promise<string> {
	return changes === undefined ? source : changedCopy(source, join(folder, "in"), changes);
}

describe("convert on the command line refuses", () => {
	it.each(MISUSES)("$title", async (misuse) => {
		const folder = await temporaryFolder();
		const input = await inputOf(misuse, folder);
		const before = await readdir(folder);
		const more = flagsOf(misuse.more ?? {});
		expectFailure(await runCli(["convert", input, "--to", misuse.to, "-o", join(folder, "out"), ...more]), misuse);
		expect(await readdir(folder)).toEqual(before);
	});
});

describe("convert refuses", () => {
	it.each(REFUSALS)("$title", async (one) => {
		const folder = await temporaryFolder();
		const input = await inputOf(one, folder);
		const before = await readdir(folder);
		const faults = await faultsOf(input, {
			to: [parseLayout(one.to)],
			output: join(folder, "out"),
			...one.more,
		});
		expect(new Set(faults.map(({ code }) => code))).toEqual(new Set([one.code, ...(one.also ?? [])]));
		const text = [...faults.map(({ message }) => message), `${faults.length} faults`].join("\n");
		for (const part of one.says) expect(text).toMatch(part);
		expect(faults.map(({ fix }) => fix).join("\n")).toMatch(one.fix);
		expect(await readdir(folder)).toEqual(before);
	});

	it("a ResNet that timm has no name for, but not its tensors alone", async () => {
		const folder = await temporaryFolder();
		const input = await writeModel(join(folder, "in"), RESNET);
		for (const to of ["timm", "hf"]) {
			const run = ["convert", input, "--to", to, "-o", join(folder, "out")];
			expectFailure(await runCli(run), {
				code: "ERR_LAYOUT_MISMATCH",
				says: ["image tower in timm", "resnet50_clip, resnet101_clip"],
				fix: /--weights-only/,
			});
		}
		expect(await readdir(folder)).toEqual(["in"]);
		const bare = ["convert", input, "--to", "timm", "--weights-only", "-o", join(folder, "bare")];
		expectDone(await runCli(bare));
		expect((await readdir(join(folder, "bare"))).sort()).toEqual(["model.safetensors", "soup.json"]);
		const back = ["convert", join(folder, "bare"), "--text", input, "--to", "openclip", "-o", join(folder, "back")];
		expectDone(await runCli([...back, "--arch-config", join(input, "open_clip_config.json")]));
		expect(await digestsOf(join(folder, "back"))).toEqual(await digestsOf(input));
	});

	it("a dual encoder around a ResNet", async () => {
		const folder = await temporaryFolder();
		const input = await writeModel(join(folder, "in"), RESNET);
		const run = await runCli(["convert", input, "--to", "hf", "--hf-dual", "-o", join(folder, "out")]);
		expectFailure(run, { code: "ERR_LAYOUT_MISMATCH", says: ["VisionTextDualEncoderModel", "ResNet"], fix: /folders/ });
	});
});

describe("--drop", () => {
	it.each([
		{ name: "logit_bias", changes: LOGIT_BIAS },
		{ name: "text_projection.bias", changes: PROJECTION_BIAS },
	])("leaves $name out where it has no place, as the refusal proposes", async ({ name, changes }) => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), changes);
		const run = await runCli(["convert", input, "--to", "openclip,hf", "-o", join(folder, "out"), "--drop", name]);
		expectDone(run);
		expect(run.stderr).toContain(`note: hf-clip: ${name} is dropped`);
		expect(Object.keys(await digestsOf(join(folder, "out", "hf")))).not.toContain(name);
		expect(await digestsOf(join(folder, "out", "openclip"))).toEqual(await digestsOf(input));
	});

	it("leaves a bias of a fine-tuned head out", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT_TIMM, join(folder, "in"), {
			tensors: (tensors) => tensors.set("head.bias", { dtype: "F16", shape: [WIDTH], values: [1] }),
		});
		const run = ["convert", input, "--text", VIT, "--to", "openclip", "-o", join(folder, "out"), "--drop", "head.bias"];
		expectDone(await runCli(run));
		expect(await digestsOf(join(folder, "out"))).toEqual(await digestsOf(VIT));
	});

	it("leaves an unknown tensor out, and says which name it did not find", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) => tensors.set("visual.register_tokens", zeros(4)),
		});
		const drops = ["--drop", "visual.register_tokens", "--drop", "visual.nothing"];
		const run = await runCli(["convert", input, "--to", "openclip", "-o", join(folder, "out"), ...drops]);
		expectDone(run);
		expect(run.stderr).toMatch(/note: .*visual\.register_tokens is left out/);
		expect(run.stderr).toMatch(/note: --drop visual\.nothing: there is no such tensor/);
		expect(await digestsOf(join(folder, "out"))).toEqual(await digestsOf(VIT));
	});
});

describe("what means nothing is left out, and said", () => {
	it("positions that old versions of transformers stored", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT_HF, join(folder, "in"), {
			tensors: (tensors) =>
				tensors
					.set("text_model.embeddings.position_ids", { dtype: "I64", shape: [1, 77] })
					.set("vision_model.embeddings.position_ids", { dtype: "I64", shape: [1, 17] }),
		});
		const run = await runCli(["convert", input, "--to", "openclip", "-o", join(folder, "out")]);
		expectDone(run);
		expect(run.stderr).toMatch(/left out: 2 such as ".*position_ids"/);
		expect(await digestsOf(join(folder, "out"))).toEqual(await digestsOf(VIT));
	});

	it("wrappings of training and the mask", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), {
			tensors: (tensors) => {
				const all = [...tensors];
				tensors.clear();
				for (const [name, tensor] of all) tensors.set(`state_dict.module.${name}`, tensor);
				tensors.set("state_dict.module.attn_mask", zeros(77, 77));
			},
		});
		const run = await runCli(["convert", input, "--to", "openclip", "-o", join(folder, "out")]);
		expectDone(run);
		expect(run.stderr).toContain('the prefix "state_dict.module." of names is taken off');
		expect(run.stderr).toMatch(/left out: 1 such as "state_dict\.module\.attn_mask"/);
		expect(await digestsOf(join(folder, "out"))).toEqual(await digestsOf(VIT));
	});

	it("the second tower of a folder given with --text", async () => {
		const folder = await temporaryFolder();
		const run = await runCli(["convert", VIT_TIMM, "--text", VIT_HF, "--to", "openclip", "-o", join(folder, "out")]);
		expectDone(run);
		expect(run.stderr).toMatch(/only the text tower is taken/);
		expect(await digestsOf(join(folder, "out"))).toEqual(await digestsOf(VIT));
	});
});

describe("text towers under `text.`", () => {
	const underText: Changes = {
		tensors: (tensors) => {
			const all = [...tensors];
			tensors.clear();
			for (const [name, tensor] of all) {
				const isText = !name.startsWith("visual.") && !name.startsWith("logit_");
				tensors.set(isText ? `text.${name}` : name, tensor);
			}
		},
	};
	const customText: Changes["json"] = {
		"open_clip_config.json": (json) => ({ ...json, model_cfg: { ...Object(json.model_cfg), custom_text: true } }),
	};

	it("are written as the configuration needs, and the same to transformers", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), { ...underText, json: customText });
		expectDone(await runCli(["convert", input, "--to", "openclip,hf", "-o", join(folder, "out")]));
		expect(await digestsOf(join(folder, "out", "openclip"))).toEqual(await digestsOf(input));
		expect(await digestsOf(join(folder, "out", "hf"))).toEqual(await digestsOf(VIT_HF));
		expect((await jsonAt(folder, "out", "openclip", "open_clip_config.json")).model_cfg.custom_text).toBe(true);
	});

	it("come to top level where the configuration has no custom_text", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), underText);
		expectDone(await runCli(["convert", input, "--to", "openclip", "-o", join(folder, "out")]));
		expect(await digestsOf(join(folder, "out"))).toEqual(await digestsOf(VIT));
	});

	it("are what a top-level tower becomes where the configuration has custom_text", async () => {
		const folder = await temporaryFolder();
		const input = await changedCopy(VIT, join(folder, "in"), { json: customText });
		expectDone(await runCli(["convert", input, "--to", "openclip", "-o", join(folder, "out")]));
		const expected = await changedCopy(VIT, join(folder, "expected"), underText);
		expect(await digestsOf(join(folder, "out"))).toEqual(await digestsOf(expected));
	});
});

it("never writes a native ConvNextModel, whose epsilon is not xxlarge's", async () => {
	const folder = await temporaryFolder();
	expectDone(await runCli(["convert", digitsPath("augreg"), "--to", "hf", "-o", join(folder, "pair")]));
	expectDone(await runCli(["convert", digitsPath("augreg"), "--to", "hf", "--hf-dual", "-o", join(folder, "dual")]));
	const vision = await jsonAt(folder, "pair", "vision", "config.json");
	expect(vision).toMatchObject({ architecture: "convnext_xxlarge" });
	expect(vision).not.toHaveProperty("model_type");
	const dual = await jsonAt(folder, "dual", "config.json");
	expect(dual.vision_config).toMatchObject({ model_type: "timm_wrapper", architecture: "convnext_xxlarge" });
});
