import { type Companion, gatherTokenizers } from "../checkpoint/companions.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import type { ClipSoupError } from "../errors.ts";
import { CLIP_VOCABULARY_SIZE, readVocabulary, type Vocabulary } from "../layouts/vocabulary.ts";
import type { PlacedTarget } from "./canonical-product.ts";

type ModelConfig = ClipModel["modelConfig"];

/**
 * What a tokenizer is called that is not open_clip's own, so that open_clip takes it from the folder: any name does so with
 * `local-dir:`, and this one is no repository's.
 */
const IN_FOLDER = "tokenizer-in-this-folder";

const NAME_NOTICE =
	"the model has a tokenizer of its own: open_clip finds it in the folder (local-dir:); to be found on the Hub (hf-hub:), text_cfg.hf_tokenizer_name has to be the repository that it is published to";

/** Files of a tokenizer that hold no vocabulary. */
const SETTINGS: readonly string[] = ["special_tokens_map.json", "tokenizer_config.json"];

/** The tokenizer of an output: that of the first model that has one. */
export interface OutputTokenizer {
	readonly files: readonly Companion[];
	readonly vocabulary: Vocabulary | undefined;
	/** The `model_cfg` of the first model that has one; else the name of a tokenizer that is not open_clip's own. */
	readonly modelConfig: ModelConfig;
	readonly notices: readonly string[];
	readonly faults: readonly ClipSoupError[];
}

/** @param vocabularySize number of the text tower's token ids, if it is there */
export async function outputTokenizer(
	models: readonly ClipModel[],
	targets: readonly PlacedTarget[],
	vocabularySize: number | undefined,
): Promise<OutputTokenizer> {
	const { files, faults, notices } = await gatherTokenizers(models.map(({ checkpoints }) => checkpoints));
	const vocabulary = readVocabulary(files);
	const original = models.find(({ modelConfig }) => modelConfig !== undefined)?.modelConfig;
	const hasWords = files.some(({ name }) => !SETTINGS.includes(name));
	const isNamed = original === undefined && hasWords && vocabulary?.isClip !== true;
	const modelConfig = isNamed ? { text_cfg: { hf_tokenizer_name: IN_FOLDER } } : original;
	const isFor = (layout: string) => targets.some(({ target }) => target.id.startsWith(layout));
	const said = [
		...(isFor("hf") ? transformersNotices(files, original) : []),
		...(isFor("openclip")
			? [isNamed ? NAME_NOTICE : undefined, missingNotice(hasWords, modelConfig, vocabularySize)]
			: []),
	];
	return { files, vocabulary, modelConfig, faults, notices: [...notices, ...said.flatMap((one) => one ?? [])] };
}

function transformersNotices(files: readonly Companion[], original: ModelConfig): (string | undefined)[] {
	const { hf_tokenizer_name: name, tokenizer_kwargs: options } = textConfigOf(original);
	const named = typeof name === "string" && name !== "" ? `, which the configuration calls "${name}"` : "";
	const hasOptions = typeof options === "object" && options !== null && Object.keys(options).length > 0;
	return [
		files.length === 0
			? `the input has no tokenizer files: transformers needs those of the model that it was trained with${named}`
			: undefined,
		hasOptions ? `a tokenizer of transformers knows nothing of tokenizer_kwargs ${JSON.stringify(options)}` : undefined,
	];
}

function missingNotice(
	hasWords: boolean,
	modelConfig: ModelConfig,
	vocabularySize = CLIP_VOCABULARY_SIZE,
): string | undefined {
	const { hf_tokenizer_name: name, tokenizer_type: type } = textConfigOf(modelConfig);
	const isTold = [name, type].some((one) => typeof one === "string" && one !== "");
	if (isTold || hasWords || vocabularySize >= CLIP_VOCABULARY_SIZE) return undefined;
	return `the input has no tokenizer files: open_clip's own tokenizer has ${CLIP_VOCABULARY_SIZE} ids, the model ${vocabularySize}`;
}

function textConfigOf(modelConfig: ModelConfig): Readonly<Record<string, unknown>> {
	const text: unknown = modelConfig?.text_cfg;
	return typeof text === "object" && text !== null ? { ...text } : {};
}
