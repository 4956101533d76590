import { describe, expect, it } from "vitest";
import { canonicalInventory, TOWERS, type Tower } from "../../src/layouts/canonical.ts";
import { canonicalFaults } from "../../src/layouts/canonical-faults.ts";
import { carriedEntry, carriedTensors } from "../../src/layouts/carried.ts";
import { recogniseLayout } from "../../src/layouts/detect.ts";
import { TARGETS } from "../../src/layouts/index.ts";
import { readLayouts, type StoredFolder } from "../../src/layouts/read.ts";
import { trainedBiasFault } from "../../src/layouts/read-faults.ts";
import { template } from "../../src/layouts/template.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";
import { faultsOf, systemOf } from "./knowledge.ts";
import { readCanonical, writeTarget } from "./memory.ts";
import { type MemoryTensor, readTensors } from "./systems.ts";

const HF = readTensors("vit-f16", "hf");
const TIMM = readTensors("vit-f16", "timm");
const OPENCLIP = readTensors("vit-f16", "openclip");
const DUAL = readTensors("convnext-mlp", "hf-dual");

function renamed<Tensor extends TensorInfo>(tensors: readonly Tensor[], rename: (name: string) => string): Tensor[] {
	return tensors.map((tensor) => ({ ...tensor, name: rename(tensor.name) }));
}

function read(tensors: readonly TensorInfo[], towers?: ReadonlySet<Tower>) {
	const folder: StoredFolder = { label: "x", tensors, ...(towers && { towers }) };
	return readLayouts([folder]);
}

function codes(tensors: readonly TensorInfo[]) {
	return read(tensors).faults.map(({ code, details }) => [code, details.name]);
}

const POSITIONS = { dtype: "I64", shape: [1, 77] } as const;

describe("readLayouts", () => {
	it.each([
		["position ids of transformers before 4.31", HF, "text_model.embeddings.position_ids"],
		["their image tower's", HF, "vision_model.embeddings.position_ids"],
		["a causal mask", OPENCLIP, "attn_mask"],
		["OpenAI's input resolution", OPENCLIP, "input_resolution"],
		["OpenAI's context length", OPENCLIP, "context_length"],
		["OpenAI's vocabulary size", OPENCLIP, "vocab_size"],
	])("ignores %s", (_, tensors, name) => {
		const reading = read([...tensors, { name, ...POSITIONS }]);
		expect(reading.faults).toEqual([]);
		expect(reading.ignored).toEqual([{ folder: 0, name }]);
	});

	it.each(["module.", "_orig_mod.", "state_dict.", "module._orig_mod."])("strips %s", (wrapper) => {
		const reading = read(renamed(OPENCLIP, (name) => `${wrapper}${name}`));
		expect(reading.recognitions[0]?.wrapper).toBe(wrapper);
		expect(reading.tensors.map(({ name }) => name)).toEqual(OPENCLIP.map(({ name }) => name));
		expect(reading.tensors[0]?.sources[0]?.name).toBe(`${wrapper}${OPENCLIP[0]?.name}`);
	});

	it("refuses a tower that two folders hold, naming both names", () => {
		const { faults } = readLayouts([
			{ label: "a", tensors: OPENCLIP },
			{ label: "b", tensors: HF, towers: new Set(["text"]) },
		]);
		expect(faults.map(({ code }) => code)).toEqual(faults.map(() => "ERR_LAYOUT_MISMATCH"));
		const message = 'Cannot read "ln_final.weight": found it a second time as "text_model.final_layer_norm.weight"';
		expect(faults.filter((fault) => fault.message.startsWith(message))).toHaveLength(1);
	});

	it("takes no more wrappers off than training puts on, whatever the names are made of", () => {
		const names = Array.from({ length: 1000 }, (_, index) => `${"module.".repeat(2000)}${index}.visual.proj`);
		expect(recogniseLayout(names)).toBeUndefined();
		expect(recogniseLayout([`${"module.".repeat(8)}visual.proj`])?.wrapper).toBe("module.".repeat(8));
		expect(recogniseLayout([`${"module.".repeat(9)}visual.proj`])).toBeUndefined();
	});

	it.each([
		["a bare CLIPTextModel of transformers 5", "text_model.", ""],
		["a dual encoder of transformers 4", "text_model.", "text_model.text_model."],
	])("reads the text names of %s", (title, before, after) => {
		const all = title.includes("dual") ? DUAL : readTensors("convnext-mlp", "hf/text");
		const changed = renamed(all, (name) => (name.startsWith(before) ? `${after}${name.slice(before.length)}` : name));
		expect(read(changed).faults).toEqual([]);
		expect(read(changed).tensors.map(({ name }) => name)).toEqual(read(all).tensors.map(({ name }) => name));
	});

	it("reads a CLIPVisionModelWithProjection as the image tower", () => {
		const tensors = HF.filter(({ name }) => name.startsWith("vis"));
		const reading = read(tensors);
		expect(reading.faults).toEqual([]);
		expect(reading.tensors.every(({ name }) => name.startsWith("visual."))).toBe(true);
	});

	it("takes no more than the text tower and temperature from a whole CLIPModel if told so", () => {
		const reading = readLayouts([
			{ label: "timm", tensors: TIMM },
			{ label: "hf", tensors: HF, towers: new Set(["text", "joint"]) },
		]);
		expect(reading.faults).toEqual([]);
		expect(new Set(reading.tensors.map(({ name }) => name))).toEqual(new Set(OPENCLIP.map(({ name }) => name)));
	});

	it("refuses one tower in two folders", () => {
		const { faults } = readLayouts([
			{ label: "timm", tensors: TIMM },
			{ label: "hf", tensors: HF },
		]);
		expect(faults[0]?.code).toBe("ERR_LAYOUT_MISMATCH");
	});

	it("refuses two layouts in one folder, and names a tensor of the second", () => {
		expect(codes([...OPENCLIP, ...TIMM.slice(0, 1)])).toEqual([["ERR_LAYOUT_MISMATCH", TIMM[0]?.name]]);
	});

	it("names an unknown tensor, unless it is dropped", () => {
		const tensors = [...OPENCLIP, { name: "visual.extra", dtype: "F32", shape: [1] } as const];
		expect(codes(tensors)).toEqual([["ERR_TENSOR_EXTRA", "visual.extra"]]);
		const reading = readLayouts([{ label: "x", tensors }], { drop: new Set(["visual.extra"]) });
		expect(reading).toMatchObject({ faults: [], dropped: [{ folder: 0, name: "visual.extra" }] });
	});

	it.each([
		["visual.trunk.blocks.0.norm1.weight", "timm ViT inside of OpenCLIP"],
		["visual.attn_pool.query", "pools by attention"],
		["visual.transformer.resblocks.0.ls_1.gamma", "layer scales"],
	])("refuses %s with the reason", (name, reason) => {
		const [fault] = read([...OPENCLIP, { name, dtype: "F32", shape: [1] }]).faults;
		expect(fault?.code).toBe("ERR_LAYOUT_MISMATCH");
		expect(fault?.message).toContain(reason);
	});

	it("refuses a file of no known layout", () => {
		expect(read([{ name: "fc.weight", dtype: "F32", shape: [1] }]).faults.map(({ code }) => code)).toEqual([
			"ERR_LAYOUT_MISMATCH",
		]);
	});

	it.each(["q_proj.weight", "k_proj.weight", "v_proj.bias"])("names a missing %s", (part) => {
		const name = `text_model.encoder.layers.1.self_attn.${part}`;
		const [fault] = read(HF.filter((tensor) => tensor.name !== name)).faults;
		expect(fault?.code).toBe("ERR_TENSOR_MISSING");
		expect(fault?.details.missing).toBe(name);
	});

	it.each([
		["a part of another dtype", "text_model.encoder.layers.0.self_attn.k_proj.weight", { dtype: "F32" }],
		["a part of another shape", "text_model.encoder.layers.0.self_attn.v_proj.weight", { shape: [24, 48] }],
		["a projection that is no matrix", "text_projection.weight", { shape: [48] }],
		["a temperature of two numbers", "logit_scale", { shape: [2] }],
	] as const)("refuses %s", (_, name, change) => {
		const tensors = HF.map((tensor) => (tensor.name === name ? { ...tensor, ...change } : tensor));
		expect(codes(tensors)).toEqual([[expect.stringMatching(/^ERR_(DTYPE|SHAPE)_MISMATCH$/), name]]);
	});

	it("asks for timm's head bias to be zero, and says that a trained one is no CLIP's", () => {
		expect(read(TIMM).zeros).toEqual([{ folder: 0, name: "head.bias" }]);
		expect(trainedBiasFault("head.bias")).toMatchObject({ code: "ERR_VALUE_MISMATCH", exitCode: 3 });
	});

	it("refuses a head bias that does not fit its matrix", () => {
		const tensors = TIMM.map((tensor) => (tensor.name === "head.bias" ? { ...tensor, shape: [1000] } : tensor));
		expect(codes(tensors)).toEqual([["ERR_SHAPE_MISMATCH", "head.bias"]]);
	});
});

describe("canonicalFaults", () => {
	const { architecture } = systemOf("vit-f16");
	const towers = new Set(TOWERS);

	it("finds none in a library's file", () => {
		expect(canonicalFaults(architecture, read(HF).tensors, towers)).toEqual([]);
	});

	it("names a whole tower once", () => {
		const faults = canonicalFaults(architecture, read(TIMM).tensors, towers);
		expect(faults.map(({ details }) => details.tower)).toEqual(["text", "joint"]);
		expect(faults[0]?.fix).toContain("--text");
	});

	it("names every tensor of a partial checkpoint", () => {
		const lost = ["visual.ln_post.bias", "token_embedding.weight"];
		const reading = read(OPENCLIP.filter(({ name }) => !lost.includes(name)));
		const faults = canonicalFaults(architecture, reading.tensors, towers);
		expect(faults.map(({ code, details }) => [code, details.name])).toEqual(
			lost.map((name) => ["ERR_TENSOR_MISSING", name]),
		);
	});
});

describe("a planted fault changes the canonical bytes", () => {
	const { architecture } = systemOf("vit-f16");
	const good = new Map(readCanonical([OPENCLIP]).map(({ name, sha256 }) => [name, sha256]));

	function changed(folder: readonly MemoryTensor[]): readonly string[] {
		return readCanonical([folder])
			.filter(({ name, sha256 }) => good.get(name) !== sha256)
			.map(({ name }) => name);
	}

	it("in no tensor of a good file", () => {
		expect(changed(HF)).toEqual([]);
	});

	it("where q and k are exchanged", () => {
		const exchange = (name: string) =>
			name.replace(/\b([qk])_proj\b/, (_, part) => (part === "q" ? "k_proj" : "q_proj"));
		expect(changed(renamed(HF, exchange)).every((name) => name.includes("in_proj"))).toBe(true);
		expect(changed(renamed(HF, exchange))).toHaveLength(8);
	});

	it("where the square text projection is not transposed", () => {
		const original = OPENCLIP.find(({ name }) => name === "text_projection");
		const untransposed = HF.map((tensor) =>
			tensor.name === "text_projection.weight" ? { ...tensor, bytes: original?.bytes } : tensor,
		);
		expect(changed(untransposed)).toEqual(["text_projection"]);
	});

	it("where the image projection is not transposed, by its shape", () => {
		const untransposed = HF.map((tensor) =>
			tensor.name === "visual_projection.weight" ? { ...tensor, shape: [60, 48] } : tensor,
		);
		const faults = canonicalFaults(architecture, read(untransposed).tensors, new Set(["image"]));
		expect(faults.map(({ details }) => details.name)).toEqual(["visual.proj"]);
	});
});

describe("recogniseLayout", () => {
	it.each([
		["openclip", OPENCLIP],
		["timm", TIMM],
		["hf-clip", HF],
		["hf-dual", DUAL],
		["hf-clip", readTensors("convnext-mlp", "hf/text")],
		["timm", readTensors("resnet", "timm")],
		["timm", readTensors("convnext-mlp", "timm")],
		["openclip", readTensors("vit-customtext", "openclip")],
	])("finds %s", (id, tensors) => {
		expect(recogniseLayout(tensors.map(({ name }) => name))?.layout.id).toBe(id);
	});

	it("tells the evidence for and against every layout", () => {
		const evidence = recogniseLayout([...HF.map(({ name }) => name), "fc.weight"])?.evidence;
		expect(evidence?.[0]).toEqual({
			layout: "Hugging Face CLIPModel",
			for: `${HF.length} of ${HF.length + 1} tensor names, such as "${HF.find(({ name }) => name.startsWith("vision"))?.name}"`,
			against: `1 of ${HF.length + 1} are unknown to it, such as "fc.weight"`,
		});
		expect(evidence?.find(({ layout }) => layout === "timm")?.for).toBeUndefined();
		expect(evidence).toHaveLength(4);
	});

	it("finds the layout of a shard or partial file", () => {
		expect(recogniseLayout(["visual.proj"])?.layout.family).toBe("openclip");
		expect(recogniseLayout(["blocks.3.attn.qkv.weight"])?.layout.family).toBe("timm");
		expect(recogniseLayout(["visual_projection.weight"])?.layout.family).toBe("hf");
		expect(recogniseLayout(["fc.weight"])?.layout.family).toBeUndefined();
		expect(recogniseLayout([])?.layout.family).toBeUndefined();
	});
});

describe("carriedEntry", () => {
	const scale = OPENCLIP.find(({ name }) => name === "logit_scale");

	it("brings a temperature back to the bit", () => {
		if (scale?.bytes === undefined) throw new Error("No temperature");
		const tensor = { name: scale.name, dtype: scale.dtype, shape: scale.shape, bytes: new Uint8Array(scale.bytes) };
		expect(carriedTensors(new Map([["format", "pt"], carriedEntry(tensor)]))).toEqual([tensor]);
	});

	it.each(["", "{}", '{"dtype":"F32","shape":[],"base64":"AAA="}', '{"dtype":"F9","shape":[],"base64":"AAAAAA=="}'])(
		"refuses %s",
		(value) => {
			const metadata = new Map([["clip_soup.carried.logit_scale", value]]);
			expect(faultsOf(() => carriedTensors(metadata)).map(({ code }) => code)).toEqual(["ERR_HEADER_METADATA"]);
		},
	);
});

describe("OpenCLIP text names", () => {
	const system = systemOf("vit-customtext");
	const canonical = readCanonical([readTensors("vit-customtext", "openclip")]);

	it("are prefixed where the config says so, and nowhere else", () => {
		const names = (customText: boolean) =>
			writeTarget(TARGETS.openclip, { ...system.architecture, customText }, canonical)
				.flatMap(({ tensors }) => tensors)
				.map(({ name }) => name);
		expect(names(true)).toEqual(
			expect.arrayContaining(["text.text_projection", "text.transformer.resblocks.0.ln_1.bias"]),
		);
		expect(names(true)).toContain("visual.positional_embedding");
		expect(names(false).some((name) => name.startsWith("text."))).toBe(false);
	});

	it("are canonical without the prefix", () => {
		expect(canonicalInventory(system.architecture).some(({ name }) => name.startsWith("text."))).toBe(false);
		expect(canonical.some(({ name }) => name.startsWith("text."))).toBe(false);
	});
});

describe("template", () => {
	it.each([
		["blocks.{i}.norm1.{x}", "blocks.10.norm1.bias"],
		["layer{i+1}.{j}.bn1.{n}", "layer4.0.bn1.num_batches_tracked"],
		["text_projection", "text_projection"],
	])("%s fills what it matches", (text, name) => {
		const values = template(text).match(name);
		expect(values && template(text).fill(values)).toBe(name);
	});

	it.each([
		["blocks.{i}.norm1.{x}", "blocks.01.norm1.bias"],
		["blocks.{i}.norm1.{x}", "blocks.1.norm1.gamma"],
		["layer{i+1}.{j}.bn1.{n}", "layer0.0.bn1.weight"],
		["text_projection", "text_projection.weight"],
		["stem.0.{x}", "stem-0.weight"],
	])("%s does not match %s", (text, name) => {
		expect(template(text).match(name)).toBeUndefined();
	});
});
