import { posix } from "node:path";
import type {
	Architecture,
	ImageArchitecture,
	PartialArchitecture,
	TextArchitecture,
} from "../architectures/architecture.ts";
import { clipConfig, clipTextConfig, dualConfig } from "../layouts/hf-config.ts";
import { preprocessorConfig } from "../layouts/hf-preprocessor.ts";
import type { Target, TargetFolder, TargetId } from "../layouts/index.ts";
import { openClipConfig } from "../layouts/openclip-config.ts";
import type { Preprocess } from "../layouts/preprocess.ts";
import { timmConfig } from "../layouts/timm-config.ts";
import type { Vocabulary } from "../layouts/vocabulary.ts";
import type { Dtype } from "../tensor/dtype.ts";
import type { SmallFile } from "./weight-files.ts";

/** What configuration files are written from. */
export interface ConfigParts {
	/** At least the towers that the target holds. */
	readonly architecture: PartialArchitecture;
	/** @throws {ClipSoupError} ERR_USAGE if nobody tells it */
	readonly preprocess: () => Preprocess;
	/** Dtype of most weights. */
	readonly dtype: Dtype;
	/** Of the tokenizer, where it is known. */
	readonly vocabulary: Vocabulary | undefined;
	/** The `model_cfg` that an OpenCLIP input had, or what else is known of it. */
	readonly modelConfig: Readonly<Record<string, unknown>> | undefined;
}

interface ConfigFile {
	/** Relative to the target's root. */
	readonly name: string;
	readonly json: (parts: ConfigParts) => unknown;
}

const PREPROCESSOR = ({ preprocess }: ConfigParts) => preprocessorConfig(preprocess());
const TIMM = ({ architecture, preprocess }: ConfigParts) => timmConfig(withImage(architecture), preprocess());
const TEXT = ({ architecture, dtype, vocabulary }: ConfigParts) =>
	clipTextConfig(withText(architecture), dtype, vocabulary);

/** The configuration files of each target; the one that makes a folder a checkpoint comes last in its folder. */
const CONFIG_FILES: Readonly<Record<TargetId, readonly ConfigFile[]>> = {
	openclip: [
		{
			name: "open_clip_config.json",
			json: ({ architecture, preprocess, modelConfig }) =>
				openClipConfig(withBoth(architecture), preprocess(), modelConfig),
		},
	],
	timm: [{ name: "config.json", json: TIMM }],
	"hf-clip": [
		{ name: "preprocessor_config.json", json: PREPROCESSOR },
		{
			name: "config.json",
			json: ({ architecture, dtype, vocabulary }) => clipConfig(withBoth(architecture), dtype, vocabulary),
		},
	],
	"hf-pair": [
		{ name: "vision/preprocessor_config.json", json: PREPROCESSOR },
		{ name: "vision/config.json", json: TIMM },
		{ name: "text/config.json", json: TEXT },
	],
	"hf-dual": [
		{ name: "preprocessor_config.json", json: PREPROCESSOR },
		{
			name: "config.json",
			json: ({ architecture, dtype, vocabulary }) => dualConfig(withBoth(architecture), dtype, vocabulary),
		},
	],
	"hf-text": [{ name: "config.json", json: TEXT }],
};

function withImage<Part extends PartialArchitecture>(architecture: Part): Part & ImageArchitecture {
	const { vision } = architecture;
	if (vision === undefined) throw new RangeError("The target's image tower was not asked for");
	return { ...architecture, vision };
}

function withText<Part extends PartialArchitecture>(architecture: Part): Part & TextArchitecture {
	const { text } = architecture;
	if (text === undefined) throw new RangeError("The target's text tower was not asked for");
	return { ...architecture, text };
}

function withBoth(architecture: PartialArchitecture): Architecture {
	return withImage(withText(architecture));
}

/** The configuration files of a target, as JSON. @throws {ClipSoupError} ERR_LAYOUT_MISMATCH for what it cannot say */
export function configFiles(target: Target, root: string, parts: ConfigParts): SmallFile[] {
	return CONFIG_FILES[target.id].map(({ name, json }) => ({
		name: posix.join(root, name),
		bytes: Buffer.from(`${JSON.stringify(json(parts), null, 2)}\n`),
	}));
}

/** The folder of a target in which a tokenizer belongs: that of the text tower. */
export function tokenizerFolder({ folders }: Target): TargetFolder | undefined {
	return folders.find(({ towers }) => towers.has("text"));
}
