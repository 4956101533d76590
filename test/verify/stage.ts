import { createHash } from "node:crypto";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { average } from "../../src/avg.ts";
import { convert } from "../../src/convert.ts";
import { sign } from "../../src/sign.ts";
import { verify } from "../../src/verify.ts";
import { readSafetensors } from "../cli/read-safetensors.ts";
import { writeKeys } from "../signing/folders.ts";
import { writeCheckpoint } from "../support/checkpoints.ts";
import { f32Bytes, f32In } from "./plant.ts";

const DIGITS = "fixtures/digits-clip";

/** Models that faults are planted in. Those of libraries lie in `fixtures`; the others are made of them by clip-soup. */
const FIXTURES = {
	vit: "fixtures/onnx/vit/openclip",
	quick: "fixtures/onnx/vit-quickgelu/openclip",
	augreg: `${DIGITS}/augreg`,
	rewind: `${DIGITS}/rewind`,
} as const;

const MADE = [
	"vit-hf",
	"vit-timm",
	"vit-shards",
	"vit-signed",
	"quick-hf",
	"quick-timm",
	"augreg-hf",
	"augreg-dual",
	"augreg-timm",
	"drift",
	"soup",
	"weighted-soup",
	"soup-of-three",
	"f16-soup",
] as const;

const LOCKED = ["vit", "quick", "augreg"] as const;

/** A model that has a lock. */
export type LockedId = (typeof LOCKED)[number];

export type ModelId = keyof typeof FIXTURES | (typeof MADE)[number];

/** Models, locks and a signature that hold, all in one folder. */
export interface Stage {
	/** Where everything was made, and copies go. */
	readonly root: string;
	readonly modelPath: (model: ModelId) => string;
	/** A lock, written by `verify` from the form that a library saved. */
	readonly lockPath: (model: LockedId) => string;
	readonly keys: { readonly own: string; readonly other: string };
}

/** Makes all of it. */
export async function buildStage(root: string): Promise<Stage> {
	const at = (name: string) => join(root, name);
	const quietly = { fsync: false, threads: 1 } as const;
	await convert(FIXTURES.vit, { to: ["hf"], output: at("vit-hf"), ...quietly });
	await convert(FIXTURES.vit, { to: ["timm"], output: at("vit-timm"), ...quietly });
	await convert(FIXTURES.vit, { to: ["hf"], output: at("vit-shards"), maxShardSize: 300_000, ...quietly });
	await convert(FIXTURES.quick, { to: ["hf"], output: at("quick-hf"), ...quietly });
	await convert(FIXTURES.quick, { to: ["timm"], output: at("quick-timm"), ...quietly });
	await convert(FIXTURES.augreg, { to: ["hf"], output: at("augreg-hf"), ...quietly });
	await convert(FIXTURES.augreg, { to: ["hf"], hfDual: true, output: at("augreg-dual"), ...quietly });
	await convert(FIXTURES.augreg, { to: ["timm"], output: at("augreg-timm"), ...quietly });
	await writeDrift(at("drift"));
	const two = [FIXTURES.augreg, FIXTURES.rewind];
	await average(two, { output: at("soup"), ...quietly });
	await average(two, { output: at("weighted-soup"), weights: [0.3, 0.7], ...quietly });
	const three = [...two, at("drift")];
	await average(three, { output: at("soup-of-three"), ...quietly });
	await average(three, { output: at("f16-soup"), dtype: "F16", ...quietly });
	await cp(FIXTURES.vit, at("vit-signed"), { recursive: true });
	const [own, other] = [await writeKeys(root, "P-256", "own"), await writeKeys(root, "P-256", "other")];
	await sign(at("vit-signed"), { key: own.privateKey, fsync: false });
	for (const model of LOCKED) {
		await verify(FIXTURES[model], { writeLock: at(`${model}.lock.json`), threads: 1 });
	}
	return {
		root,
		modelPath: (model) => new Map<string, string>(Object.entries(FIXTURES)).get(model) ?? at(model),
		lockPath: (model) => at(`${model}.lock.json`),
		keys: { own: own.publicKey, other: other.publicKey },
	};
}

/** A third ingredient: `rewind`, a little way on in a direction that is always the same. */
async function writeDrift(folder: string): Promise<void> {
	await mkdir(folder);
	await cp(`${FIXTURES.rewind}/open_clip_config.json`, join(folder, "open_clip_config.json"));
	const { tensors, metadata } = await readSafetensors(`${FIXTURES.rewind}/open_clip_model.safetensors`);
	const moved = [...tensors].map(([name, { shape, bytes }]) => {
		const noise = createHash("sha256").update(name).digest();
		const values = f32In(bytes).map((value, index) => value * (1 + ((noise[index % noise.length] ?? 0) - 127) * 1e-4));
		return [name, { dtype: "F32", shape, bytes: f32Bytes(values) }] as const;
	});
	await writeCheckpoint(join(folder, "open_clip_model.safetensors"), new Map(moved), metadata);
}
