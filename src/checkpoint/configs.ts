import type { Folder } from "../bytes/folder.ts";
import { readSmallFile } from "../bytes/small-file.ts";
import { ClipSoupError } from "../errors.ts";
import type { FactSource } from "../layouts/facts.ts";
import { readHfConfig } from "../layouts/hf-facts.ts";
import { readPreprocessorConfig } from "../layouts/hf-preprocessor.ts";
import { readOpenClipConfig } from "../layouts/openclip-config.ts";
import { isTimmConfig, readTimmConfig } from "../layouts/timm-config.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** What the configuration files of a checkpoint tell. */
export interface ConfigFacts {
	readonly sources: readonly FactSource[];
	/** `model_cfg` of an OpenCLIP configuration as it stands. */
	readonly modelConfig: Readonly<Record<string, unknown>> | undefined;
	readonly notices: readonly string[];
}

const NOTHING: ConfigFacts = { sources: [], modelConfig: undefined, notices: [] };

/** Reads the configuration that belongs to the checkpoint's layout, if it is a folder and has one. */
export async function readConfigs({ folder, recognition }: Checkpoint): Promise<ConfigFacts> {
	if (folder === undefined || recognition === undefined) return NOTHING;
	if (recognition.layout.family === "openclip") {
		const { json, path } = await readJsonIn(folder, "open_clip_config.json");
		return json === undefined ? NOTHING : { ...readOpenClipConfig(json, path), notices: [] };
	}
	const { json, path } = await readJsonIn(folder, "config.json");
	if (recognition.layout.family === "timm" && json !== undefined) {
		return { ...readTimmConfig(json, path), modelConfig: undefined };
	}
	const { json: preprocessor, path: preprocessorPath } = await readJsonIn(folder, "preprocessor_config.json");
	return {
		sources: [
			...(json === undefined || isTimmConfig(json) ? [] : readHfConfig(json, path)),
			...(preprocessor === undefined ? [] : readPreprocessorConfig(preprocessor, preprocessorPath)),
		],
		modelConfig: undefined,
		notices: [],
	};
}

/**
 * Reads a file that is named as a configuration: OpenCLIP's with or without its `model_cfg` around it.
 *
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_CONFIG_INVALID
 */
export async function readNamedConfig(path: string): Promise<ConfigFacts> {
	const json = parseJson(await readSmallFile(path), path);
	if (json === undefined) {
		throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot read "${path}": found no such file`, {
			fix: "check the path",
		});
	}
	const isWhole = typeof json === "object" && json !== null && "model_cfg" in json;
	return { ...readOpenClipConfig(isWhole ? json : { model_cfg: json }, path), notices: [] };
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
