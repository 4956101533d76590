import type { PartialArchitecture } from "../architectures/architecture.ts";
import { findFiles } from "../bytes/find-files.ts";
import { LocalFolder } from "../bytes/folder.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { type InputRows, shortName } from "../features/input-rows.ts";
import { openInputIds, openPixelValues } from "../features/ready-tensors.ts";
import { loadPixels } from "../images/pixels.ts";
import { requirePreprocess } from "../layouts/combine-facts.ts";
import { openTokenizer } from "../tokenizer/tokenizer.ts";
import { textOf, visionOf } from "./clip.ts";

/** Pictures for the image tower, in one of two forms. */
export interface ImageInputs {
	/** Files, or folders of which all pictures are taken in order of their paths, those below them too. */
	readonly images?: readonly string[] | undefined;
	/** A safetensors file of prepared pictures, `pixel_values`: F32 `[n, 3, size, size]`. */
	readonly pixelValues?: string | undefined;
}

/** Texts for the text tower, in one of two forms. */
export interface TextInputs {
	readonly texts?: readonly string[] | undefined;
	/** A safetensors file of token ids, `input_ids`: I64 `[n, contextLength]`. */
	readonly inputIds?: string | undefined;
	/** Folder with `tokenizer.json` and `tokenizer_config.json`. Default: the model's own, the text tower's first. */
	readonly tokenizer?: string | undefined;
}

/** Names of the pictures that are taken from a folder: those of the formats that `loadPixels` reads. */
const PICTURES: readonly string[] = [".png", ".jpg", ".jpeg", ".webp"];

/**
 * Opens pictures, to be prepared as the model's configuration tells.
 *
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND; ERR_USAGE if nothing tells how pictures are prepared; what
 *   `openPixelValues` throws; from `read`, what `loadPixels` throws
 */
export async function openImages(
	{ knowledge }: Pick<ClipModel, "knowledge">,
	architecture: PartialArchitecture,
	{ images = [], pixelValues }: ImageInputs,
): Promise<InputRows> {
	if (pixelValues !== undefined) return openPixelValues(pixelValues, visionOf(architecture).imageSize);
	const preprocess = requirePreprocess(knowledge);
	const paths: string[] = [];
	for (const image of images) paths.push(...(await findFiles(image, PICTURES)));
	return {
		names: paths,
		read: (first, count) => loadPixels(paths.slice(first, first + count), preprocess),
		[Symbol.asyncDispose]: async () => {},
	};
}

/** Rows of token ids, and what the user should know of them. */
export interface TextRows extends InputRows {
	readonly notices: readonly string[];
}

/**
 * Opens texts: those given, by the model's own tokenizer or the one that is named, or ids that are ready.
 *
 * @throws {ClipSoupError} what `openTokenizer`, `tokenize` and `openInputIds` throw
 */
export async function openTexts(
	{ path, checkpoints }: Pick<ClipModel, "path" | "checkpoints">,
	architecture: PartialArchitecture,
	{ texts = [], inputIds, tokenizer: folder }: TextInputs,
): Promise<TextRows> {
	const text = textOf(architecture);
	if (inputIds !== undefined) return { ...(await openInputIds(inputIds, text)), notices: [] };
	// Of several folders the text tower's is the last.
	const own = checkpoints.flatMap((checkpoint) => checkpoint.folder ?? []).toReversed();
	const tokenizer = await openTokenizer(folder === undefined ? own : [new LocalFolder(folder)], text, `"${path}"`);
	const { ids, cut } = tokenizer.tokenize(texts);
	const width = text.contextLength;
	return {
		names: texts,
		read: async (first, count) => ids.subarray(first * width, (first + count) * width),
		notices: cutNotices(texts, cut, width),
		[Symbol.asyncDispose]: async () => {},
	};
}

function cutNotices(texts: readonly string[], [first, ...others]: readonly number[], contextLength: number): string[] {
	if (first === undefined) return [];
	const more = others.length === 0 ? "" : `, and ${others.length} more`;
	return [`cut to ${contextLength} token ids, as OpenCLIP cuts: "${shortName(texts[first] ?? "")}"${more}`];
}
