import * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import { isRefName } from "../hub/ref-name.ts";
import { isHubReference } from "../hub/reference.ts";
import type { LayoutId } from "../layouts/detect.ts";
import type { RemoteDepth } from "../publishing/remote-check.ts";
import { parseByteSize } from "../safetensors/byte-size.ts";
import { FLOAT_DTYPES, type FloatDtype } from "../tensor/dtype.ts";

// A command checks a few small objects once: compiling a validator for each takes longer than it saves.
z.config({ jitless: true });

/**
 * The values of a command's flags.
 *
 * @param raw as commander has them
 * @throws {ClipSoupError} ERR_USAGE for a value that the schema does not take, and what its transforms throw
 */
export function parseFlags<Flags>(schema: z.ZodType<Flags>, raw: object): Flags {
	const { data, success, error } = schema.safeParse(raw);
	if (success) return data;
	const [issue] = error.issues;
	const [name = ""] = issue?.path ?? [];
	const value = new Map<PropertyKey, unknown>(Object.entries(raw)).get(name);
	const expected = issue?.code === "invalid_value" ? `expected ${issue.values.join(", ")}` : issue?.message;
	throw usage(`Cannot use ${flagOf(String(name))} ${JSON.stringify(value)}: ${expected}`);
}

/** Flags that every command has. */
const commonFlags = z.object({
	json: z.boolean().default(false),
	quiet: z.boolean().default(false),
	threads: z.string().transform(parseThreads).optional(),
});

/** Of commands that run a model. */
const download = z.boolean().default(false);

const MOST_THREADS = 256;

function parseThreads(text: string): number {
	const count = Number(text);
	if (/^\d+$/.test(text) && count >= 1 && count <= MOST_THREADS) return count;
	throw usage(`Cannot use --threads "${text}": expected a whole number from 1 to ${MOST_THREADS}`);
}

/** Names that users type, besides the dtype's own in any case. */
const DTYPE_ALIASES: Readonly<Record<string, FloatDtype>> = {
	FLOAT64: "F64",
	FLOAT32: "F32",
	FLOAT16: "F16",
	BFLOAT16: "BF16",
	FP64: "F64",
	FP32: "F32",
	FP16: "F16",
	FLOAT8_E4M3FN: "F8_E4M3",
	FLOAT8_E5M2: "F8_E5M2",
};

/** `bf16`, `BF16`, `bfloat16`. @throws {ClipSoupError} ERR_USAGE */
function parseDtype(text: string): FloatDtype {
	const name = text.toUpperCase();
	const dtype = FLOAT_DTYPES.find((known) => known === name) ?? DTYPE_ALIASES[name];
	if (dtype !== undefined) return dtype;
	const known = FLOAT_DTYPES.map((each) => each.toLowerCase()).join(", ");
	throw usage(`Cannot use --dtype "${text}": expected one of ${known}`);
}

/** `0.3,0.7`. @throws {ClipSoupError} ERR_WEIGHTS if one is no number */
function parseWeights(text: string): number[] {
	return text.split(",").map((part) => {
		const weight = part.trim() === "" ? Number.NaN : Number(part);
		if (Number.isFinite(weight)) return weight;
		throw new ClipSoupError(
			"ERR_WEIGHTS",
			`Cannot use --weights "${text}": found "${part}", expected a finite number`,
			{
				fix: "give one number for each input, separated by commas: --weights 0.3,0.7",
			},
		);
	});
}

/** `logit_scale=1`, several times, but once for a name. @throws {ClipSoupError} ERR_USAGE */
function parseKeep(entries: readonly string[]): Record<string, number> {
	const kept = new Map<string, number>();
	for (const entry of entries) {
		const at = entry.lastIndexOf("=");
		const [name, index] = [entry.slice(0, at), entry.slice(at + 1)];
		if (at <= 0 || !/^\d+$/.test(index)) {
			throw usage(`Cannot use --keep "${entry}": expected NAME=INDEX, with inputs numbered from 1`);
		}
		if (kept.has(name)) throw usage(`Cannot use --keep "${entry}": found "${name}" twice, expected every name once`);
		kept.set(name, Number(index));
	}
	return Object.fromEntries(kept);
}

/** An unset variable in a script must not mean the current folder. @throws {ClipSoupError} ERR_USAGE */
function parseOutput(path: string): string {
	if (isHubReference(path)) {
		throw new ClipSoupError(
			"ERR_USAGE",
			`Cannot write "${path}": found a repository, expected a path on this machine`,
			{
				fix: "write a folder and publish it",
			},
		);
	}
	if (path !== "") return path;
	throw usage('Cannot use --output "": expected a name; "." is the current folder');
}

/** Flags of `avg`. */
export const averageFlags = commonFlags.extend({
	output: z.string().transform(parseOutput).optional(),
	weights: z.string().transform(parseWeights).optional(),
	normalize: z.boolean().default(true),
	dtype: z.string().transform(parseDtype).optional(),
	keep: z.array(z.string()).default([]).transform(parseKeep),
	allowNonfinite: z.boolean().default(false),
	force: z.boolean().default(false),
	fsync: z.boolean().default(true),
	to: z.string().transform(parseLayout).optional(),
	hfDual: z.boolean().default(false),
	arch: z.string().optional(),
	archConfig: z.array(z.string()).optional(),
	maxShardSize: z.string().transform(parseByteSize).optional(),
	digests: z.boolean().default(false),
	fileDigests: z.boolean().default(false),
	dryRun: z.boolean().default(false),
});

const LAYOUT_IDS: readonly LayoutId[] = ["openclip", "timm", "hf"];

/** `hf` @throws {ClipSoupError} ERR_USAGE */
export function parseLayout(text: string): LayoutId {
	const layout = LAYOUT_IDS.find((id) => id === text.trim().toLowerCase());
	if (layout !== undefined) return layout;
	throw usage(`Cannot use --to "${text}": expected one of ${LAYOUT_IDS.join(", ")}`);
}

function parseNumber(text: string): number {
	const value = text.trim() === "" ? Number.NaN : Number(text);
	if (Number.isFinite(value)) return value;
	throw usage(`Cannot use --logit-scale "${text}": expected a finite number, the logarithm of the temperature`);
}

/** Flags of `convert`. */
export const convertFlags = commonFlags.extend({
	to: z.string().transform((text) => text.split(",").map(parseLayout)),
	output: z.string().transform(parseOutput),
	text: z.string().optional(),
	arch: z.string().optional(),
	archConfig: z.array(z.string()).optional(),
	logitScale: z.string().transform(parseNumber).optional(),
	drop: z.array(z.string()).default([]),
	hfDual: z.boolean().default(false),
	weightsOnly: z.boolean().default(false),
	maxShardSize: z.string().transform(parseByteSize).optional(),
	force: z.boolean().default(false),
	fsync: z.boolean().default(true),
	dryRun: z.boolean().default(false),
});

/** Flags of `sign`. */
export const signFlags = commonFlags.omit({ threads: true }).extend({
	key: z.string(),
	output: z.string().transform(parseOutput).optional(),
	force: z.boolean().default(false),
	fsync: z.boolean().default(true),
});

/** Flags of `card`. */
export const cardFlags = commonFlags.omit({ threads: true }).extend({
	output: z.string().transform(parseOutput).optional(),
	license: z.string().optional(),
	repo: z.string().optional(),
	ingredients: z.array(z.string()).optional(),
	results: z.string().optional(),
	notes: z.string().optional(),
	force: z.boolean().default(false),
	fsync: z.boolean().default(true),
});

/** Flags of `embed`. */
export const embedFlags = commonFlags
	.extend({
		image: z.array(z.string()).optional(),
		text: z.array(z.string()).optional(),
		pixelValues: z.string().optional(),
		inputIds: z.string().optional(),
		zeroShot: z.boolean().default(false),
		classes: z.string().optional(),
		templates: z.string().optional(),
		all: z.boolean().default(false),
		output: z.string().transform(parseOutput).optional(),
		force: z.boolean().default(false),
		tokenizer: z.string().optional(),
		textTower: z.string().optional(),
		download,
		logitScale: z.string().transform(parseNumber).optional(),
		arch: z.string().optional(),
		archConfig: z.array(z.string()).optional(),
	})
	.transform(refuseOtherMode);

/** Names of flags that only one of the two modes of `embed` has. */
const ONE_MODE = {
	zeroShot: ["output", "force", "inputIds"],
	features: ["classes", "templates", "all"],
} as const;

/** @throws {ClipSoupError} ERR_USAGE for a flag that would be passed over */
function refuseOtherMode<Flags extends { readonly zeroShot: boolean }>(flags: Flags): Flags {
	const given = new Map(Object.entries(flags));
	const isGiven = (name: string) => given.get(name) !== undefined && given.get(name) !== false;
	const stray = (flags.zeroShot ? ONE_MODE.zeroShot : ONE_MODE.features).find(isGiven);
	if (stray === undefined) return flags;
	throw usage(`Cannot use ${flagOf(stray)} ${flags.zeroShot ? "with" : "without"} --zero-shot`);
}

/** Flags of `inspect`. */
export const inspectFlags = commonFlags.extend({
	data: z.boolean().default(false),
	tensors: z.boolean().default(false),
	profile: z.boolean().default(false),
	arch: z.string().optional(),
	archConfig: z.array(z.string()).optional(),
	listArchs: z.boolean().default(false),
});

const TOWER_NAMES = ["image", "text"] as const;

function parseTower(text: string): (typeof TOWER_NAMES)[number] {
	const tower = TOWER_NAMES.find((name) => name === text);
	if (tower !== undefined) return tower;
	throw usage(`Cannot use --tower "${text}": expected one of ${TOWER_NAMES.join(", ")}`);
}

function parseLimit(text: string): number {
	const value = text.trim() === "" ? Number.NaN : Number(text);
	if (value >= 0 && value <= 2) return value;
	throw usage(`Cannot use --cos-limit "${text}": expected a number from 0 to 2, the largest 1 − cos`);
}

const LEVELS = ["error", "warning"] as const;

function parseLevel(text: string): (typeof LEVELS)[number] {
	const level = LEVELS.find((name) => name === text);
	if (level !== undefined) return level;
	throw usage(`Cannot use --fail-on "${text}": expected one of ${LEVELS.join(", ")}`);
}

/** Flags of `verify`. */
export const verifyFlags = commonFlags.extend({
	soupOf: z.array(z.string()).optional(),
	recover: z.array(z.string()).optional(),
	sameAs: z.array(z.string()).optional(),
	weights: z.string().transform(parseWeights).optional(),
	// Commander tells true where nothing was said: the recipe decides then.
	normalize: z.boolean().transform((isNormalized) => (isNormalized ? undefined : false)),
	keep: z
		.array(z.string())
		.transform((entries) => new Map(Object.entries(parseKeep(entries))))
		.optional(),
	recipe: z.string().optional(),
	download,
	lock: z.string().optional(),
	anyRepo: z.boolean().default(false),
	writeLock: z.string().transform(parseOutput).optional(),
	signature: z.string().optional(),
	key: z.string().optional(),
	ignoreUnsigned: z.boolean().default(false),
	forward: z.boolean().default(true),
	tower: z.string().transform(parseTower).optional(),
	cosLimit: z.string().transform(parseLimit).optional(),
	text: z.string().optional(),
	arch: z.string().optional(),
	archConfig: z.array(z.string()).optional(),
	logitScale: z.string().transform(parseNumber).optional(),
	report: z.string().optional(),
	failOn: z.string().default("error").transform(parseLevel),
});

/** Flags of `export-onnx`. */
export const exportOnnxFlags = commonFlags.extend({
	output: z.string().transform(parseOutput),
	tower: z.string().transform(parseTower).optional(),
	text: z.string().optional(),
	download,
	arch: z.string().optional(),
	archConfig: z.array(z.string()).optional(),
	logitScale: z.string().transform(parseNumber).optional(),
	force: z.boolean().default(false),
	fsync: z.boolean().default(true),
});

const DEPTH_FORM = "header, sample, sample:K, full or off";

/** `sample:16` @throws {ClipSoupError} ERR_USAGE */
function parseDepth(text: string): RemoteDepth | null {
	if (text === "off") return null;
	if (text === "header" || text === "full") return { kind: text };
	const [, count = "16"] = /^sample(?::(\d{1,4}))?$/.exec(text) ?? [];
	if (text.startsWith("sample") && (text === "sample" || text === `sample:${count}`) && Number(count) > 0) {
		return { kind: "sample", count: Number(count) };
	}
	throw usage(`Cannot use --verify-remote "${text}": expected ${DEPTH_FORM}`);
}

function parseCount(flag: string, most: number): (text: string) => number {
	return (text) => {
		const count = Number(text);
		if (/^\d+$/.test(text) && count <= most) return count;
		throw usage(`Cannot use ${flag} "${text}": expected a whole number from 0 to ${most}`);
	};
}

/** What git and the Hub take for a branch or a tag. @throws {ClipSoupError} ERR_USAGE */
function parseRef(flag: string): (text: string) => string {
	return (text) => {
		if (isRefName(text)) return text;
		throw usage(`Cannot use ${flag} "${text}": expected a name such as v1.0`);
	};
}

/** Flags of `publish` of which one at most makes sense. */
const EXCLUSIVE = [
	["pr", "branch", "push"],
	["private", "public"],
	["tokenFile", "tokenStdin"],
	["plan", "planOut"],
	["plan", "dryRun"],
] as const;

/** Flags that say what is in the card. */
const CARD_PARTS = ["results", "notes"] as const;

/** Flags of `publish`. */
export const publishFlags = commonFlags
	.omit({ threads: true })
	.extend({
		repo: z.string(),
		dryRun: z.boolean().default(false),
		create: z.boolean().default(false),
		pr: z.boolean().default(false),
		branch: z.string().transform(parseRef("--branch")).optional(),
		push: z.boolean().default(false),
		private: z.boolean().default(false),
		public: z.boolean().default(false),
		tag: z.string().transform(parseRef("--tag")).optional(),
		planOut: z.string().transform(parseOutput).optional(),
		plan: z.string().optional(),
		prune: z.boolean().default(false),
		license: z.string().optional(),
		// Commander makes one option of --card FILE and --no-card: false is the latter.
		card: z.union([z.string(), z.boolean()]).optional(),
		results: z.string().optional(),
		notes: z.string().optional(),
		ingredients: z.array(z.string()).optional(),
		allowPickle: z.boolean().default(false),
		include: z.array(z.string()).default([]),
		lock: z.union([z.string(), z.boolean()]).optional(),
		verifyRemote: z.string().transform(parseDepth).optional(),
		seed: z
			.string()
			.transform(parseCount("--seed", 2 ** 31 - 1))
			.optional(),
		retries: z.string().transform(parseCount("--retries", 100)).optional(),
		resume: z.boolean().default(true),
		receipt: z.string().transform(parseOutput).optional(),
		tokenFile: z.string().optional(),
		tokenStdin: z.boolean().default(false),
		endpoint: z.string().optional(),
		yes: z.boolean().default(false),
		report: z.enum(["github"]).optional(),
	})
	.transform((flags) => {
		const given = new Map(Object.entries(flags));
		for (const group of EXCLUSIVE) {
			const both = group.filter((name) => given.get(name) !== undefined && given.get(name) !== false);
			if (both.length > 1) throw usage(`Cannot use ${both.map(flagOf).join(" with ")}: expected one of them`);
		}
		const stray = flags.card === false ? CARD_PARTS.find((name) => given.get(name) !== undefined) : undefined;
		if (stray !== undefined) throw usage(`Cannot use --no-card with ${flagOf(stray)}: expected one of them`);
		return flags;
	});

function flagOf(name: string): string {
	return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Flags of `diff`. */
export const diffFlags = commonFlags.extend({ all: z.boolean().default(false) });

/** Without a fix of its own: the command's help is one, which `reportError` names. */
function usage(message: string): ClipSoupError {
	return new ClipSoupError("ERR_USAGE", message);
}
