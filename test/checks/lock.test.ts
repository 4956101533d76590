import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkLock } from "../../src/checks/lock-checks.ts";
import { composeLock } from "../../src/checks/lock-compose.ts";
import { convert } from "../../src/convert.ts";
import type { Lock } from "../../src/lock/schema.ts";
import type { CheckResult, Finding } from "../../src/verification.ts";
import { changedCopy, layoutPath, required, type Tensors } from "../convert/fixtures.ts";
import { withCensus } from "../support/census.ts";
import type { TestTensor } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";

const OPENCLIP = "fixtures/onnx/vit/openclip";
const WEIGHTS = "open_clip_model.safetensors";

/** F16 of one system as three libraries wrote it. */
const F16 = { openclip: layoutPath("vit-f16", "openclip"), hf: layoutPath("vit-f16", "hf") };

const locks = new Map<string, Promise<Lock>>();

/** The lock of a fixture, which is the same for all tests. */
function lockOf(path: string): Promise<Lock> {
	const known = locks.get(path) ?? withCensus(path, (subject, census) => composeLock({ subject, census }));
	locks.set(path, known);
	return known;
}

function checksOf(path: string, lock: Lock): Promise<readonly CheckResult[]> {
	return withCensus(path, (subject, census) => checkLock(subject, census, lock));
}

/** Ids and statuses of the checks that did not pass. */
function outcome(results: readonly CheckResult[]): Record<string, string> {
	return Object.fromEntries(results.filter(({ status }) => status !== "passed").map((one) => [one.check, one.status]));
}

function findings(results: readonly CheckResult[], check: string): readonly Finding[] {
	return results.filter((result) => result.check === check).flatMap((result) => result.findings);
}

/** What the checks say of a copy that was changed, against the lock of the original. */
async function damagedChecks(source: string, change: (tensors: Tensors) => void): Promise<readonly CheckResult[]> {
	const folder = await temporaryFolder();
	const copy = await changedCopy(source, join(folder, "copy"), { tensors: change });
	return checksOf(copy, await lockOf(source));
}

/** Changes the bytes of one tensor. */
function rewrite(name: string, change: (bytes: Buffer, tensor: TestTensor) => Uint8Array | undefined) {
	return (tensors: Tensors) => {
		const tensor = required(tensors, name);
		const bytes = Buffer.from(tensor.bytes ?? []);
		tensors.set(name, { ...tensor, bytes: change(bytes, tensor) ?? bytes });
	};
}

function rowsOf(bytes: Buffer, rows: number): Buffer[] {
	const length = bytes.length / rows;
	return Array.from({ length: rows }, (_, row) => bytes.subarray(row * length, (row + 1) * length));
}

describe("checkLock of the model that was locked", () => {
	it.each([
		OPENCLIP,
		F16.hf,
		layoutPath("vit-f16", "timm"),
		layoutPath("convnext-mlp", "openclip"),
		layoutPath("convnext-mlp", "hf-dual"),
	])("passes every check for %s", async (path) => {
		const results = await checksOf(path, await lockOf(path));
		expect(results.map(({ check, status }) => `${check} ${status}`)).toEqual(
			["CS002", "CS003", "CS004", "CS005", "CS007"].map((check) => `${check} passed`),
		);
		expect(results.flatMap((result) => result.findings)).toEqual([]);
	});

	it("passes in another layout that another library wrote, without a look at whole files", async () => {
		const results = await checksOf(F16.hf, await lockOf(F16.openclip));
		expect(outcome(results)).toEqual({ CS002: "skipped" });
		expect(results[0]?.detail).toBe("the files are hf, the lock's openclip");
	});

	it("passes in other shards, whose files it does not compare", async () => {
		const folder = await temporaryFolder();
		await convert(F16.hf, { to: ["hf"], output: join(folder, "sharded"), maxShardSize: 100_000, fsync: false });
		const results = await checksOf(join(folder, "sharded"), await lockOf(F16.hf));
		expect(outcome(results)).toEqual({ CS002: "skipped" });
		expect(results[0]?.detail).toContain("model-00001-of-");
	});

	it("passes for timm's image tower alone, and warns that no text tower was compared", async () => {
		const results = await checksOf(layoutPath("vit-f16", "timm"), await lockOf(F16.openclip));
		expect(outcome(results)).toEqual({ CS002: "skipped" });
		expect(findings(results, "CS003").map(({ level, message }) => `${level} ${message}`)).toEqual([
			expect.stringMatching(/^warning There is no text tower: \d+ of the lock's tensors are not compared/),
			"warning There is no temperature: 1 of the lock's tensors are not compared",
		]);
	});

	it("warns of other metadata in a file whose tensors are the same", async () => {
		const folder = await temporaryFolder();
		const copy = await changedCopy(OPENCLIP, join(folder, "copy"), { metadata: { format: "pt", note: "edited" } });
		const results = await checksOf(copy, await lockOf(OPENCLIP));
		expect(outcome(results)).toEqual({});
		expect(findings(results, "CS002")).toEqual([
			expect.objectContaining({
				level: "warning",
				file: WEIGHTS,
				cause: "other metadata, or tensors in another order",
			}),
		]);
	});
});

const IN_PROJ = "visual.transformer.resblocks.0.attn.in_proj_weight";

describe("CS005 names the tensor and what happened to it:", () => {
	const faults: readonly {
		fault: string;
		name: string;
		change: (bytes: Buffer) => Uint8Array | undefined;
		found: Partial<Finding>;
	}[] = [
		{
			fault: "one bit flipped",
			name: "visual.conv1.weight",
			change: (bytes) => {
				bytes.writeUInt8(bytes.readUInt8(17) ^ 1, 17);
				return undefined;
			},
			found: {},
		},
		{
			fault: "q and k exchanged",
			name: IN_PROJ,
			change: (bytes) => {
				const [q, k, v] = rowsOf(bytes, 3);
				return Buffer.concat([k, q, v].flatMap((part) => part ?? []));
			},
			found: { cause: "rows in the order k, q, v and not q, k, v" },
		},
		{
			fault: "v first",
			name: "transformer.resblocks.1.attn.in_proj_bias",
			change: (bytes) => {
				const [q, k, v] = rowsOf(bytes, 3);
				return Buffer.concat([v, q, k].flatMap((part) => part ?? []));
			},
			found: { cause: "rows in the order v, q, k and not q, k, v" },
		},
		{
			fault: "rows reversed",
			name: "transformer.resblocks.0.mlp.c_fc.weight",
			change: (bytes) => Buffer.concat(rowsOf(bytes, 192).reverse()),
			found: { cause: "rows in reverse order" },
		},
		{
			fault: "a square projection transposed",
			name: "text_projection",
			change: (bytes) => transposed(bytes, 48, 48),
			found: { cause: "transposed" },
		},
		{
			fault: "a matrix transposed under the shape that it had",
			name: "token_embedding.weight",
			change: (bytes) => transposed(bytes, 600, 48),
			found: { cause: "transposed" },
		},
		{
			fault: "a bias zeroed",
			name: "visual.ln_post.bias",
			change: (bytes) => bytes.fill(0),
			found: { cause: "every element is 0: dropped, or never written", elements: [0, 59] },
		},
		{
			fault: "the tail zeroed",
			name: "token_embedding.weight",
			change: (bytes) => bytes.fill(0, 4 * 20_000),
			found: { cause: "zeros up to the end: a download that was cut off", elements: [20_000, 28_799] },
		},
		{
			fault: "big-endian",
			name: "visual.proj",
			change: (bytes) => bytes.swap32(),
			found: { cause: "bytes of every element in reverse order" },
		},
	];

	it.each(faults)("$fault", async ({ name, change, found }) => {
		const results = await damagedChecks(OPENCLIP, rewrite(name, change));
		expect(outcome(results)).toMatchObject({ CS002: "failed", CS005: "failed" });
		const [finding, ...others] = findings(results, "CS005");
		expect(others).toEqual([]);
		const { cause, elements } = found;
		expect(finding).toMatchObject({ level: "error", file: WEIGHTS, tensor: name });
		expect({ cause: finding?.cause, elements: finding?.elements }).toEqual({ cause, elements });
	});

	it("two tensors exchanged", async () => {
		const [a, b] = ["visual.ln_pre.weight", "visual.ln_post.weight"] as const;
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			const [first, second] = [required(tensors, a), required(tensors, b)];
			tensors.set(a, second).set(b, first);
		});
		expect(
			findings(results, "CS005")
				.map(({ tensor, cause }) => [tensor, cause])
				.sort(),
		).toEqual([
			[b, `holds the bytes of "${a}"`],
			[a, `holds the bytes of "${b}"`],
		]);
	});

	it("q and k of a Hugging Face layer exchanged, against the lock of OpenCLIP's file", async () => {
		const folder = await temporaryFolder();
		const layer = "vision_model.encoder.layers.0.self_attn";
		const copy = await changedCopy(F16.hf, join(folder, "copy"), {
			tensors: (tensors) => {
				const [q, k] = [required(tensors, `${layer}.q_proj.weight`), required(tensors, `${layer}.k_proj.weight`)];
				tensors.set(`${layer}.q_proj.weight`, k).set(`${layer}.k_proj.weight`, q);
			},
		});
		const [finding, ...others] = findings(await checksOf(copy, await lockOf(F16.openclip)), "CS005");
		expect(others).toEqual([]);
		expect(finding?.cause).toBe("rows in the order k, q, v and not q, k, v");
		expect(finding?.message).toContain(`"${layer}.q_proj.weight"`);
	});

	it("v alone of a Hugging Face layer, by the lock of the same layout", async () => {
		const name = "text_model.encoder.layers.1.self_attn.v_proj.weight";
		const results = await damagedChecks(
			F16.hf,
			rewrite(name, (bytes) => bytes.fill(1, 0, 8)),
		);
		expect(findings(results, "CS005")).toEqual([expect.objectContaining({ tensor: name, file: "model.safetensors" })]);
	});

	it("a projection of another layout that was not transposed on its way", async () => {
		const folder = await temporaryFolder();
		const copy = await changedCopy(F16.hf, join(folder, "copy"), {
			tensors: rewrite("visual_projection.weight", (bytes) => transposed(bytes, 48, 60, 2)),
		});
		const results = await checksOf(copy, await lockOf(F16.openclip));
		expect(findings(results, "CS005")).toEqual([
			expect.objectContaining({ tensor: "visual_projection.weight", cause: "transposed" }),
		]);
	});

	it("a head of timm's that was trained", async () => {
		const folder = await temporaryFolder();
		const copy = await changedCopy(layoutPath("vit-f16", "timm"), join(folder, "copy"), {
			tensors: rewrite("head.bias", (bytes) => bytes.fill(0x3c)),
		});
		const results = await checksOf(copy, await lockOf(F16.openclip));
		expect(outcome(results)).toEqual({ CS002: "skipped", CS005: "failed" });
		expect(findings(results, "CS005")).toEqual([expect.objectContaining({ tensor: "head.bias" })]);
	});
});

function transposed(bytes: Buffer, rows: number, columns: number, width = 4): Buffer {
	const elements = rowsOf(bytes, rows * columns).map((one) => one.subarray(0, width));
	return Buffer.concat(
		Array.from({ length: rows * columns }, (_, to) => elements[(to % rows) * columns + Math.floor(to / rows)] ?? bytes),
	);
}

describe("CS003 and CS004", () => {
	it("name a tensor that was renamed", async () => {
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			tensors.set("visual.ln_last.bias", required(tensors, "visual.ln_post.bias"));
			tensors.delete("visual.ln_post.bias");
		});
		expect(outcome(results)).toMatchObject({ CS003: "failed" });
		expect(findings(results, "CS003")).toEqual([
			expect.objectContaining({ tensor: "visual.ln_last.bias", expected: "visual.ln_post.bias", cause: "renamed" }),
		]);
	});

	it("name a tensor that is missing, and one that is extra", async () => {
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			tensors.delete("transformer.resblocks.1.ln_2.weight");
			tensors.set("ema.decay", { dtype: "F32", shape: [1], values: [0.5] });
		});
		expect(findings(results, "CS003").map(({ level, tensor }) => [level, tensor])).toEqual([
			["error", "transformer.resblocks.1.ln_2.weight"],
			["error", "ema.decay"],
		]);
	});

	it("tell once that a text tower is gone that the layout has a place for", async () => {
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			for (const name of [...tensors.keys()]) {
				if (!name.startsWith("visual.") && name !== "logit_scale") tensors.delete(name);
			}
		});
		expect(findings(results, "CS003").map(({ level, message }) => [level, message])).toEqual([
			["error", expect.stringMatching(/^There is no text tower/)],
		]);
	});

	it("name a tensor of another dtype, and do not compare its bytes", async () => {
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			const { shape } = required(tensors, "visual.proj");
			tensors.set("visual.proj", { dtype: "F16", shape, values: [1, 2] });
		});
		expect(outcome(results)).toEqual({ CS002: "failed", CS004: "failed" });
		expect(findings(results, "CS004")).toEqual([
			expect.objectContaining({
				tensor: "visual.proj",
				expected: "F32",
				found: "F16",
				cause: "converted from F32 to F16",
			}),
		]);
	});

	it("tell once that all tensors are of another dtype", async () => {
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			for (const [name, { shape }] of tensors) tensors.set(name, { dtype: "F16", shape, values: [1] });
		});
		expect(findings(results, "CS004").map(({ message }) => message)).toEqual([
			expect.stringMatching(/^62 tensors are F16, expected F32/),
		]);
	});

	it("name a tensor of another shape", async () => {
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			const embedding = required(tensors, "token_embedding.weight");
			tensors.set("token_embedding.weight", {
				...embedding,
				shape: [599, 48],
				bytes: embedding.bytes?.subarray(192) ?? new Uint8Array(),
			});
		});
		expect(findings(results, "CS004")).toEqual([
			expect.objectContaining({ tensor: "token_embedding.weight", expected: "[600, 48]", found: "[599, 48]" }),
		]);
	});
});

describe("a lock that belongs to something else", () => {
	it("of the same architecture is one finding, not one for each tensor", async () => {
		const results = await checksOf("fixtures/digits-clip/rewind", await lockOf("fixtures/digits-clip/augreg"));
		expect(outcome(results)).toEqual({ CS002: "failed", CS005: "failed" });
		expect(findings(results, "CS005")).toEqual([
			expect.objectContaining({ cause: expect.stringContaining("a lock that was not written anew") }),
		]);
	});

	it("of another architecture is one finding, and the other checks are skipped", async () => {
		const results = await checksOf(OPENCLIP, await lockOf("fixtures/digits-clip/augreg"));
		expect(outcome(results)).toEqual({
			CS002: "skipped",
			CS003: "failed",
			CS004: "skipped",
			CS005: "skipped",
			CS007: "skipped",
		});
		expect(findings(results, "CS003").map(({ message }) => message)).toEqual([
			expect.stringMatching(/^The lock is of another model: found ViT.*, expected ConvNeXt/),
		]);
	});

	it("of a CLIP is one finding where the files are none", async () => {
		const results = await checksOf("fixtures/averaging/a.safetensors", await lockOf(OPENCLIP));
		expect(outcome(results)).toMatchObject({ CS003: "failed", CS005: "skipped" });
		expect(findings(results, "CS003").map(({ message }) => message)).toEqual([
			expect.stringMatching(/^The files cannot be read as the CLIP of the lock: Cannot read/),
		]);
	});

	it("is possible for files that are no CLIP, by their stored names", async () => {
		const lock = await lockOf("fixtures/averaging/a.safetensors");
		expect(lock.canonicalDigest).toBeUndefined();
		expect(outcome(await checksOf("fixtures/averaging/a.safetensors", lock))).toEqual({});
		expect(outcome(await checksOf("fixtures/averaging/b.safetensors", lock))).toMatchObject({ CS005: "failed" });
	});
});

describe("CS007", () => {
	async function checkExpecting(expect: Lock["expect"]): Promise<readonly Finding[]> {
		const results = await checksOf(OPENCLIP, { ...(await lockOf(OPENCLIP)), expect });
		return findings(results, "CS007");
	}

	it.each([
		[{ match: "logit_scale", max: 1 }, "a maximum of 2.65"],
		[{ match: "logit_scale", min: 3 }, "a minimum of 2.65"],
		[{ match: "logit_scale", absMax: 2 }, "a largest magnitude of 2.65"],
		[{ match: "visual.proj", rms: [0, 1e-6] }, "a root mean square of"],
		[{ match: "visual.proj", rms: [10, 20] }, "a root mean square of"],
	] satisfies [Lock["expect"][number], string][])("finds %j broken", async (expectation, found) => {
		expect(await checkExpecting([expectation])).toEqual([
			expect.objectContaining({ level: "error", tensor: expectation.match, message: expect.stringContaining(found) }),
		]);
	});

	it("warns of an expectation that speaks of no tensor", async () => {
		expect((await checkExpecting([{ match: "logit_scales", max: 5 }])).map(({ level }) => level)).toEqual(["warning"]);
	});

	it("counts NaN against nonFinite, warns of huge values and of a tensor that became zero", async () => {
		const results = await damagedChecks(OPENCLIP, (tensors) => {
			rewrite("visual.proj", (bytes) => {
				bytes.writeFloatLE(Number.NaN, 40);
				return undefined;
			})(tensors);
			rewrite("ln_final.bias", (bytes) => {
				bytes.writeFloatLE(2e6, 0);
				return undefined;
			})(tensors);
			rewrite("ln_final.weight", (bytes) => bytes.fill(0))(tensors);
		});
		expect(findings(results, "CS007").map(({ level, tensor }) => [level, tensor])).toEqual([
			["error", "visual.proj"],
			["warning", "ln_final.weight"],
			["warning", "ln_final.bias"],
		]);
	});
});
