import type { Folder } from "../bytes/folder.ts";
import { ClipSoupError } from "../errors.ts";

/**
 * Weight files in the order of preference, where a folder holds several.
 *
 * open_clip looks for its own names first (`factory.py`, local-dir), and transformers for the single file before the
 * index; a folder with both OpenCLIP and Hugging Face files is the usual form of OpenCLIP's own Hub repositories.
 */
const PREFERENCE: readonly string[] = [
	"open_clip_model.safetensors",
	"open_clip_pytorch_model.safetensors",
	"model.safetensors",
	"model.safetensors.index.json",
];

const SHARD = /-\d{5,6}-of-\d{5,6}\.safetensors$/;
const PICKLE = /\.(bin|pt|pth|ckpt)$/;

/** Whether a name is that of a weight file or of an index. */
export function isWeightFile(name: string): boolean {
	return name.endsWith(".safetensors") || name.endsWith(".safetensors.index.json");
}

export interface WeightFileChoice {
	/** Base name. */
	readonly name: string;
	/** Other weight files that were passed over, by base name. */
	readonly ignored: readonly string[];
}

/**
 * Finds the weights of a checkpoint folder.
 *
 * @throws {ClipSoupError} ERR_NO_WEIGHT_FILE, ERR_AMBIGUOUS_WEIGHT_FILE, ERR_INPUT_UNREADABLE
 */
export async function chooseWeightFile(folder: Folder): Promise<WeightFileChoice> {
	const names = await folder.list();
	const candidates = names.filter((name) => isWeightFile(name) && !SHARD.test(name) && !name.startsWith(".")).sort();
	const preferred = PREFERENCE.find((name) => candidates.includes(name));
	const chosen = preferred ?? (candidates.length === 1 ? candidates[0] : undefined);
	if (chosen !== undefined) {
		return { name: chosen, ignored: candidates.filter((name) => name !== chosen) };
	}
	if (candidates.length === 0) throw await noWeights(folder, names);
	throw new ClipSoupError(
		"ERR_AMBIGUOUS_WEIGHT_FILE",
		`Cannot choose the weights of "${folder.name}": found ${candidates.map((name) => `"${name}"`).join(", ")}`,
		{ fix: `name the file: ${folder.nameOf(candidates[0] ?? "")}`, details: { folder: folder.name, candidates } },
	);
}

/** Says what there is instead of weights: the first of these that is so names the cure. */
async function noWeights(folder: Folder, names: readonly string[]): Promise<ClipSoupError> {
	const pickles = names.filter((name) => PICKLE.test(name));
	const shards = names.filter((name) => SHARD.test(name));
	const inside = await foldersWithWeights(folder, names);
	const reasons = [
		{
			holds: shards.length > 0,
			found: `${shards.length} shards without their index`,
			fix: "download model.safetensors.index.json too",
		},
		{
			holds: inside.length > 0,
			found: "weights only in the folders inside it",
			fix: `give one of them: ${inside.join(", ")}`,
		},
		{
			holds: pickles.length > 0,
			found: `only pickles (${pickles.join(", ")})`,
			fix: "download the .safetensors file, or convert the pickle in an environment you trust",
		},
	];
	const { found, fix } = reasons.find(({ holds }) => holds) ?? {
		found: "no .safetensors file",
		fix: "give a folder that holds open_clip_model.safetensors or model.safetensors, or the file itself",
	};
	return new ClipSoupError("ERR_NO_WEIGHT_FILE", `Cannot find weights in "${folder.name}": found ${found}`, {
		fix,
		details: { folder: folder.name },
	});
}

async function foldersWithWeights(folder: Folder, names: readonly string[]): Promise<string[]> {
	const found: string[] = [];
	for (const name of names) {
		const inside = await folder.folder(name);
		const children = (await inside?.list().catch(() => [])) ?? [];
		if (children.some((child) => child.endsWith(".safetensors"))) found.push(folder.nameOf(name));
	}
	return found;
}
