import type { Folder } from "../bytes/folder.ts";
import { ClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import type { LayoutId } from "../layouts/detect.ts";
import type { FactSource } from "../layouts/facts.ts";
import { readHfConfig } from "../layouts/hf-facts.ts";
import { readPreprocessorConfig, readProcessorConfig } from "../layouts/hf-preprocessor.ts";
import { readOpenClipConfig } from "../layouts/openclip-config.ts";
import { isTimmConfig, readTimmConfig } from "../layouts/timm-config.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { readGivenFile } from "./open.ts";

/** What the configuration files of a checkpoint tell. */
export interface ConfigFacts {
	readonly sources: readonly FactSource[];
	/** `model_cfg` of an OpenCLIP configuration as it stands. */
	readonly modelConfig: Readonly<Record<string, unknown>> | undefined;
	readonly notices: readonly string[];
}

/** Of no configuration. */
export const NO_CONFIG: ConfigFacts = { sources: [], modelConfig: undefined, notices: [] };

/** Reads the configuration that belongs to the checkpoint's layout, if there is one. */
export async function readConfigs({ path, folder, configFolder, recognition }: Checkpoint): Promise<ConfigFacts> {
	if (configFolder === undefined || recognition === undefined) return NO_CONFIG;
	const found = await readConfigsIn(configFolder, recognition.layout.family);
	if (folder !== undefined || found.files.length === 0) return found;
	return { ...found, notices: [...found.notices, `"${path}": ${found.files.join(", ")} beside it tells of it`] };
}

async function readConfigsIn(
	folder: Folder,
	family: LayoutId,
): Promise<ConfigFacts & { readonly files: readonly string[] }> {
	if (family === "openclip") {
		const { json, path } = await readJsonIn(folder, "open_clip_config.json");
		return json === undefined
			? { ...NO_CONFIG, files: [] }
			: { ...readOpenClipConfig(json, path), notices: [], files: [path] };
	}
	const config = await readJsonIn(folder, "config.json");
	if (family === "timm" && config.json !== undefined) {
		return { ...readTimmConfig(config.json, config.path), modelConfig: undefined, files: [config.path] };
	}
	const read = [
		{ ...config, read: (json: unknown, path: string) => (isTimmConfig(json) ? [] : readHfConfig(json, path)) },
		{ ...(await readJsonIn(folder, "preprocessor_config.json")), read: readPreprocessorConfig },
		{ ...(await readJsonIn(folder, "processor_config.json")), read: readProcessorConfig },
	].map((file) => ({ path: file.path, sources: file.json === undefined ? [] : file.read(file.json, file.path) }));
	return {
		sources: read.flatMap(({ sources }) => sources),
		modelConfig: undefined,
		notices: [],
		files: read.filter(({ sources }) => sources.length > 0).map(({ path }) => path),
	};
}

/**
 * Reads a file that is named as a configuration: any that a folder may hold, and OpenCLIP's without its `model_cfg` around
 * it, as `model_configs/*.json` are.
 *
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_CONFIG_INVALID
 */
export async function readNamedConfig(path: string, hub: Hub): Promise<ConfigFacts> {
	const json = parseJson(await readGivenFile(path, hub), path);
	if (json === undefined) {
		throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot read "${path}": found no such file`, {
			fix: "check the path",
		});
	}
	const kind = NAMED_CONFIGS.find(({ marks }) => marks.some((field) => hasField(json, field)));
	if (kind !== undefined) return { modelConfig: undefined, notices: [], ...kind.read(json, path) };
	throw new ClipSoupError(
		"ERR_CONFIG_INVALID",
		`Cannot use "${path}": found no field that tells what it configures, expected ${KNOWN_CONFIGS}`,
		{
			fix: "give an open_clip_config.json, a model_cfg, or the config.json of a CLIP of timm's or transformers'",
			details: { path },
		},
	);
}

/** How to read each kind of configuration, and the fields of which one shows the kind: the first that fits counts. */
const NAMED_CONFIGS: readonly {
	readonly marks: readonly string[];
	readonly read: (json: unknown, path: string) => Pick<ConfigFacts, "sources"> & Partial<ConfigFacts>;
}[] = [
	{ marks: ["model_cfg"], read: readOpenClipConfig },
	{
		marks: ["embed_dim", "vision_cfg", "text_cfg"],
		read: (json, path) => readOpenClipConfig({ model_cfg: json }, path),
	},
	{ marks: ["model_type"], read: (json, path) => ({ sources: readHfConfig(json, path) }) },
	{ marks: ["architecture"], read: readTimmConfig },
	{
		marks: ["image_processor_type", "feature_extractor_type", "image_mean"],
		read: (json, path) => ({ sources: readPreprocessorConfig(json, path) }),
	},
	{ marks: ["image_processor"], read: (json, path) => ({ sources: readProcessorConfig(json, path) }) },
];

const KNOWN_CONFIGS = `one of ${NAMED_CONFIGS.flatMap(({ marks }) => marks).join(", ")}`;

function hasField(json: unknown, field: string): boolean {
	return typeof json === "object" && json !== null && field in json;
}

/** `json` is undefined if there is no such file. @throws {ClipSoupError} ERR_CONFIG_INVALID, and what `readSmall` throws */
async function readJsonIn(folder: Folder, name: string): Promise<{ readonly json: unknown; readonly path: string }> {
	const path = folder.nameOf(name);
	return { json: parseJson(await folder.readSmall(name), path), path };
}

function parseJson(bytes: Buffer | undefined, path: string): unknown {
	if (bytes === undefined) return undefined;
	try {
		return JSON.parse(bytes.toString("utf8"));
	} catch (cause) {
		throw new ClipSoupError("ERR_CONFIG_INVALID", `Cannot read "${path}": found no JSON`, {
			fix: "download the file again",
			details: { path },
			cause,
		});
	}
}
