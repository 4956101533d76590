import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Folder } from "../bytes/folder.ts";
import { ClipSoupError } from "../errors.ts";
import type { Checkpoint } from "./checkpoint.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** How a companion file is compared across the inputs of a soup. */
interface CompanionRule {
	/** What a difference in the essential part is: an error of this code. */
	readonly fault?: "ERR_ARCHITECTURE_MISMATCH" | "ERR_VOCABULARY_MISMATCH";
	/** The part of the JSON that decides the function; the bytes, if it is not given. */
	readonly essence?: (json: JsonObject) => unknown;
}

/** Fields of OpenCLIP's `vision_cfg` that matter in training only, so that ingredients may differ in them. */
const OPENCLIP_TRAINING_FIELDS = [
	"timm_drop",
	"timm_drop_path",
	"timm_model_pretrained",
	"patch_dropout",
	"attentional_pool_dropout",
];

/** Fields of a Hugging Face or timm `config.json` that say where a model comes from, not what it computes. */
const CONFIG_PROVENANCE_FIELDS = [
	"_name_or_path",
	"_commit_hash",
	"transformers_version",
	"torch_dtype",
	"dtype",
	"attention_dropout",
	"dropout",
	"initializer_factor",
	"initializer_range",
	"logit_scale_init_value",
	"pretrained_cfg",
];

/**
 * Files that make weights a loadable checkpoint, in the order they are written: configurations last, because a folder
 * with one is taken for complete.
 *
 * Sources: transformers `CLIPTokenizer.vocab_files_names` and processors, timm `hub.py`, open_clip `push_to_hf_hub.py`.
 */
const COMPANIONS: Readonly<Record<string, CompanionRule>> = {
	"vocab.json": { fault: "ERR_VOCABULARY_MISMATCH", essence: (json) => json },
	"merges.txt": { fault: "ERR_VOCABULARY_MISMATCH" },
	"vocab.txt": { fault: "ERR_VOCABULARY_MISMATCH" },
	"spiece.model": { fault: "ERR_VOCABULARY_MISMATCH" },
	"sentencepiece.bpe.model": { fault: "ERR_VOCABULARY_MISMATCH" },
	"tokenizer.json": {
		fault: "ERR_VOCABULARY_MISMATCH",
		essence: ({ model, added_tokens }) => ({ model, added_tokens }),
	},
	"added_tokens.json": { fault: "ERR_VOCABULARY_MISMATCH", essence: (json) => json },
	"special_tokens_map.json": {},
	"tokenizer_config.json": {},
	"chat_template.json": {},
	"preprocessor_config.json": {},
	"processor_config.json": {},
	"generation_config.json": {},
	"config.json": {
		fault: "ERR_ARCHITECTURE_MISMATCH",
		essence: (json) => without(json, CONFIG_PROVENANCE_FIELDS),
	},
	"open_clip_config.json": {
		fault: "ERR_ARCHITECTURE_MISMATCH",
		essence: ({ model_cfg }) => without(model_cfg, OPENCLIP_TRAINING_FIELDS),
	},
};

/** A companion file, to be copied byte for byte. */
export interface Companion {
	readonly name: string;
	readonly bytes: Buffer;
}

export interface Companions {
	/** In the order they are to be written. */
	readonly files: readonly Companion[];
	/** Differences between inputs that are no error, one sentence each. */
	readonly notices: readonly string[];
	/** Differences that make a soup of these inputs wrong. */
	readonly faults: readonly ClipSoupError[];
}

/** Where the companions of weights in `folder` lie, if they are there. */
export function companionPaths(folder: string): string[] {
	return Object.keys(COMPANIONS).map((name) => join(folder, name));
}

/** Companions that do not depend on the layout: what a text needs on its way to token ids. */
const TOKENIZER_NAMES: readonly string[] = Object.keys(COMPANIONS).filter(
	(name) =>
		COMPANIONS[name]?.fault === "ERR_VOCABULARY_MISMATCH" ||
		name.startsWith("special_tokens") ||
		name.startsWith("tokenizer"),
);

/** Reads the tokenizer files of the first model that has some, and compares those of the other models with them. */
export async function gatherTokenizers(models: readonly (readonly Checkpoint[])[]): Promise<Companions> {
	const found = await Promise.all(models.map(tokenizerFolder));
	const from = Math.max(
		0,
		found.findIndex((folder) => folder !== undefined),
	);
	const holders = models.map((checkpoints, index) => ({
		folder: found[index] ?? checkpoints[0]?.folder,
		input: index + 1,
	}));
	const [first] = holders.splice(from, 1);
	return gather(first === undefined ? [] : [first, ...holders], TOKENIZER_NAMES);
}

/** The folder of a model in which a tokenizer lies. */
async function tokenizerFolder(checkpoints: readonly Checkpoint[]): Promise<Folder | undefined> {
	for (const { folder } of checkpoints) {
		const bytes = folder && (await Promise.all(TOKENIZER_NAMES.map((name) => folder.readSmall(name))));
		if (bytes?.some((one) => one !== undefined)) return folder;
	}
	return undefined;
}

/**
 * Reads the first input's companion files and compares those of the other inputs with them.
 *
 * Inputs that are single files have none and are not compared.
 */
export async function gatherCompanions(inputs: readonly Checkpoint[]): Promise<Companions> {
	const [first] = inputs;
	if (first?.folder === undefined) {
		const notice = "no configuration or tokenizer is copied: the first input is a single file, not a folder";
		return { files: [], notices: [notice], faults: [] };
	}
	const { files, notices, faults } = await gather(
		inputs.map(({ folder }, index) => ({ folder, input: index + 1 })),
		Object.keys(COMPANIONS),
	);
	const nothing = "no configuration or tokenizer is copied: the first input's folder has none";
	return { files, faults, notices: files.length === 0 ? [...notices, nothing] : notices };
}

/** A folder, and the number from 1 of the input that it is of. */
interface Holder {
	readonly folder: Folder | undefined;
	readonly input: number;
}

async function gather([first, ...others]: readonly Holder[], names: readonly string[]): Promise<Companions> {
	const files: Companion[] = [];
	const notices: string[] = [];
	const faults: ClipSoupError[] = [];
	for (const name of names) {
		const rule = COMPANIONS[name];
		if (rule === undefined || first?.folder === undefined) continue;
		const bytes = await first.folder.readSmall(name);
		if (bytes) files.push({ name, bytes });
		for (const { folder, input } of others) {
			if (folder === undefined) continue;
			const theirs = await folder.readSmall(name);
			const difference = compareCompanion(rule, name, { bytes, input: first.input }, { bytes: theirs, input });
			if (difference instanceof ClipSoupError) faults.push(difference);
			else if (difference !== undefined) notices.push(difference);
		}
	}
	return { files, notices, faults };
}

/** A companion file of an input, if it has it. */
interface CompanionOf {
	readonly bytes: Buffer | undefined;
	readonly input: number;
}

function compareCompanion(
	rule: CompanionRule,
	name: string,
	{ bytes: ours, input: first }: CompanionOf,
	{ bytes: theirs, input }: CompanionOf,
): ClipSoupError | string | undefined {
	if (ours === undefined && theirs === undefined) return undefined;
	if (ours === undefined) return `${name}: input ${input} has it, input ${first} has not; it is not copied`;
	if (theirs === undefined) return `${name}: input ${first} has it, input ${input} has not`;
	if (ours.equals(theirs)) return undefined;
	if (rule.fault === undefined || isSameEssence(rule, ours, theirs)) {
		return `${name}: input ${input} differs from input ${first}, whose file is copied`;
	}
	const what = rule.fault === "ERR_VOCABULARY_MISMATCH" ? "vocabulary" : "architecture";
	return new ClipSoupError(
		rule.fault,
		`Cannot average: "${name}" of input ${input} tells another ${what} than that of input ${first}`,
		{
			fix: `average checkpoints of one ${what}, or give the weight files instead of the folders`,
			details: { name, input },
		},
	);
}

function isSameEssence({ essence }: CompanionRule, a: Buffer, b: Buffer): boolean {
	if (essence === undefined) return false;
	const [x, y] = [parseObject(a), parseObject(b)];
	return x !== undefined && y !== undefined && isDeepStrictEqual(essence(x), essence(y));
}

function parseObject(bytes: Buffer): JsonObject | undefined {
	try {
		const json: unknown = JSON.parse(bytes.toString("utf8"));
		return isObject(json) ? json : undefined;
	} catch {
		// What is no JSON has no essence: any difference in its bytes then counts.
		return undefined;
	}
}

/** The value without the named fields, at every depth. */
function without(value: unknown, fields: readonly string[]): unknown {
	if (Array.isArray(value)) return value.map((item: unknown) => without(item, fields));
	if (!isObject(value)) return value;
	const kept = Object.entries(value).filter(([name]) => !fields.includes(name));
	return Object.fromEntries(kept.map(([name, field]) => [name, without(field, fields)]));
}

function isObject(value: unknown): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
