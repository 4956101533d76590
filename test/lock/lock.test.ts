import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { average } from "../../src/avg.ts";
import { composeLock } from "../../src/checks/lock-compose.ts";
import { convert } from "../../src/convert.ts";
import { ClipSoupError } from "../../src/errors.ts";
import { canonicalDigestOf } from "../../src/layouts/canonical-digest.ts";
import { matchesName } from "../../src/lock/expectation.ts";
import { parseLock } from "../../src/lock/parse.ts";
import { type Lock, lockJsonSchema } from "../../src/lock/schema.ts";
import { serialiseLock } from "../../src/lock/serialise.ts";
import { DTYPES, type Dtype, isDtype } from "../../src/tensor/dtype.ts";
import { modelDigest } from "../../src/tensor/model-digest.ts";
import { withCensus } from "../support/census.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** The lock of a Hugging Face folder, which has all there is: architecture, preprocessing, `stored`. */
let lock: Lock;
/** Its text as JSON, to be spoilt. */
let text: string;

beforeAll(async () => {
	const features = { shape: [2, 3] as [number, number], f32base64: Buffer.alloc(24, 1).toString("base64") };
	lock = await withCensus("fixtures/layouts/vit-f16/hf", (subject, census) =>
		composeLock({
			subject,
			census,
			golden: {
				inputs: { generator: "numerics-v1", images: 2, texts: 3 },
				image: features,
				runtime: { onnxruntime: "1.30.0", ep: "cpu" },
				limits: { oneMinusCos: 1e-9 },
			},
		}),
	);
	text = serialiseLock(lock);
});

describe("composeLock", () => {
	it("locks what decides the function, and the tensors both as they are and under OpenCLIP's names", () => {
		expect(lock.model).toMatchObject({
			arch: expect.stringContaining("ViT"),
			architecture: { embed_dim: 48, vision_cfg: { width: 60 }, text_cfg: { width: 48 } },
			dtype: "F16",
			layout: "hf",
			preprocess: { interpolation: "bicubic", resizeMode: "shortest" },
		});
		expect(lock.files.map(({ path }) => path)).toEqual(["model.safetensors"]);
		expect(lock.tensors.map(({ name }) => name)).toContain("visual.transformer.resblocks.0.attn.in_proj_weight");
		expect(lock.stored?.map(({ name }) => name)).toContain("vision_model.encoder.layers.0.self_attn.k_proj.weight");
		expect(lock.soup).toBeUndefined();
	});

	it("leaves `stored` out where the canonical tensors are those of the files", async () => {
		const own = await withCensus("fixtures/onnx/vit/openclip", (subject, census) => composeLock({ subject, census }));
		expect(own.stored).toBeUndefined();
		expect(own.modelDigest).toBe(own.canonicalDigest?.all);
	});

	it("tells how a soup was made, also after it was converted", async () => {
		const folder = await temporaryFolder();
		const ingredients = ["fixtures/digits-clip/augreg", "fixtures/digits-clip/rewind"];
		await average(ingredients, { output: `${folder}/soup`, weights: [1, 3], digests: true, fsync: false });
		await convert(`${folder}/soup`, { to: ["timm"], output: `${folder}/timm`, fsync: false });
		for (const path of [`${folder}/soup`, `${folder}/timm`]) {
			const { soup } = await withCensus(path, (subject, census) => composeLock({ subject, census }));
			expect(soup).toMatchObject({ scheme: "weighted", formula: "weighted-sum-then-divide", accumulator: "f64" });
			expect(soup?.ingredients.map(({ name, weight, modelDigest: digest }) => [name, weight, typeof digest])).toEqual([
				["augreg", 1, "string"],
				["rewind", 3, "string"],
			]);
		}
	});
});

describe("serialiseLock", () => {
	it("gives sorted keys and one tensor a line", () => {
		const keys = [...text.matchAll(/^\t"([^"]+)":/gm)].map(([, key]) => key ?? "");
		expect(keys).toEqual(keys.toSorted());
		const lines = text.split("\n").filter((line) => line.includes('"dtype": "F16", "name"'));
		expect(lines).toHaveLength(lock.tensors.length + (lock.stored ?? []).length);
	});

	const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
	const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 });
	const tensor = fc.record({
		name: fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "visual.proj", "logit_scale")),
		dtype: fc.constantFrom(...Object.keys(DTYPES).filter((name): name is Dtype => isDtype(name))),
		shape: fc.array(fc.nat(), { maxLength: 4 }),
		sha256: hex,
	});

	it("and parseLock are inverse, for any names and numbers", () => {
		const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name });
		fc.assert(
			fc.property(tensors, fc.boolean(), number, (list, isCanonical, max) => {
				const entries = list.map((one) => ({ ...one, sha256: `sha256:${one.sha256}` }));
				const { stored: _, canonicalDigest: _one, golden: _two, ...rest } = lock;
				const made: Lock = {
					...rest,
					tensors: entries,
					modelDigest: modelDigest(list),
					...(isCanonical && { canonicalDigest: canonicalDigestOf(list) }),
					expect: [{ match: "**", max }],
				};
				const written = serialiseLock(made);
				expect(parseLock(written, "lock")).toEqual(made);
				expect(serialiseLock(parseLock(written, "lock"))).toBe(written);
			}),
		);
	});
});

describe("parseLock refuses", () => {
	function refusal(spoilt: string): string {
		try {
			parseLock(spoilt, "clip-soup.lock.json");
		} catch (error) {
			if (error instanceof ClipSoupError && error.code === "ERR_LOCK_INVALID") return error.message;
			throw error;
		}
		return "nothing";
	}

	function edited(change: (json: ReturnType<typeof JSON.parse>) => unknown): string {
		const json = JSON.parse(text);
		change(json);
		return refusal(JSON.stringify(json));
	}

	const OTHER = `sha256:${"0".repeat(64)}`;

	it("accepts it as it is", () => expect(refusal(text)).toBe("nothing"));

	it.each<[string, string, (json: ReturnType<typeof JSON.parse>) => unknown]>([
		["the digest of a canonical tensor", "canonicalDigest.", (json) => (json.tensors[3].sha256 = OTHER)],
		["the shape of a canonical tensor", "canonicalDigest.", (json) => json.tensors[3].shape.push(1)],
		["a tensor taken out", "canonicalDigest.", (json) => json.tensors.pop()],
		["the digest of a stored tensor", "found modelDigest sha256:", (json) => (json.stored[3].sha256 = OTHER)],
		["the model digest", `modelDigest ${OTHER}`, (json) => (json.modelDigest = OTHER)],
		["a tower's digest", `canonicalDigest.text ${OTHER}`, (json) => (json.canonicalDigest.text = OTHER)],
		["a tower's digest taken out", "canonicalDigest.visual missing", (json) => delete json.canonicalDigest.visual],
		["another version", "found lockVersion 2, expected 1", (json) => (json.lockVersion = 2)],
		["no version", "found lockVersion nowhere", (json) => delete json.lockVersion],
		["an unknown field", "the document", (json) => (json.extra = 1)],
		["a field of another type", "files.0.size", (json) => (json.files[0].size = "1")],
		["an unknown dtype", "expected a dtype of safetensors", (json) => (json.tensors[0].dtype = "F31")],
		["a tensor twice", "twice", (json) => json.tensors.push(json.tensors[0])],
		["an architecture that is none", "model.architecture", (json) => (json.model.architecture.embed_dim = 47.5)],
		["heads that do not divide", "model.architecture", (json) => (json.model.architecture.text_cfg.heads = 7)],
		["features of another length", "golden.image", (json) => (json.golden.image.shape = [2, 4])],
		["an expectation of nothing", "expected a bound", (json) => (json.expect = [{ match: "**" }])],
		["an expectation that is misspelt", "expect.0", (json) => (json.expect = [{ match: "**", nonfinite: 0 }])],
		[
			"a branch for a revision",
			"a commit of 40 hex digits",
			(json) =>
				(json.soup = {
					scheme: "uniform",
					formula: "sum-then-divide",
					accumulator: "f64",
					rounding: "direct-nearest-even",
					version: "0.1.0",
					dtype: null,
					keep: {},
					ingredients: [{ name: "a", files: [], weight: 1, repo: "laion/a", revision: "main" }],
				}),
		],
	])("%s", (_, found, change) => expect(edited(change)).toContain(found));

	it.each(["", "{", "[]", "null", "3", '"lock"'])("%j", (spoilt) => expect(refusal(spoilt)).not.toBe("nothing"));
});

describe("matchesName", () => {
	it.each([
		["logit_scale", "logit_scale", true],
		["logit_scale", "logit_scales", false],
		["*", "logit_scale", true],
		["*", "visual.proj", false],
		["**", "visual.proj", true],
		["visual.**", "visual.transformer.resblocks.0.ln_1.bias", true],
		["**.bias", "visual.transformer.resblocks.0.ln_1.bias", true],
		["**.bias", "bias", false],
		["transformer.resblocks.*.ln_?.bias", "transformer.resblocks.10.ln_2.bias", true],
		["transformer.resblocks.*.bias", "transformer.resblocks.10.ln_2.bias", false],
		["a.b", "aXb", false],
	])("%s of %s: %s", (pattern, name, expected) => expect(matchesName(pattern, name)).toBe(expected));

	it("takes no time over patterns that make others backtrack", () => {
		expect(matchesName(`${"**a".repeat(60)}b`, "a".repeat(2000))).toBe(false);
	});
});

describe("schemas/clip-soup.lock.v1.schema.json", () => {
	it("is what scripts/write-schemas.ts writes", () => {
		expect(JSON.parse(readFileSync("schemas/clip-soup.lock.v1.schema.json", "utf8"))).toEqual(lockJsonSchema());
	});
});
