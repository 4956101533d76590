import type { PartialArchitecture } from "./architectures/architecture.ts";
import { companionPaths } from "./checkpoint/companions.ts";
import { identitiesAt, identitiesOf } from "./checkpoint/identities.ts";
import { downloadWeights, holdCheckpoints } from "./checkpoint/local-copy.ts";
import { type ClipModel, type ModelOptions, openModelFiles, partOf, readModel, towersIn } from "./checkpoint/model.ts";
import { ClipSoupError } from "./errors.ts";
import type { Features, NamedFeatures } from "./features/features.ts";
import { planFeatureOutput, writeFeatures } from "./features/write.ts";
import { Hub } from "./hub/hub.ts";
import { refuseHub } from "./hub/refuse.ts";
import type { GraphTower } from "./onnx/clip.ts";
import { logitsPerImage, readTemperature, type Temperature } from "./onnx/logits.ts";
import { featureBatches, towerFeatures } from "./onnx/tower-features.ts";
import { type ImageInputs, openImages, openTexts, type TextInputs } from "./onnx/tower-inputs.ts";
import { fillTemplates, PLACE, softmaxRows, zeroShotClassifier } from "./onnx/zero-shot.ts";
import type { ResolvedReference } from "./origin.ts";
import type { InputIdentity } from "./output/target.ts";
import type { Watch } from "./progress.ts";

/** Which model, and how it runs. */
export interface ForwardOptions extends Pick<ModelOptions, "arch" | "archConfig" | "logitScale"> {
	/** Folder or file of the text tower, where the model's own has none. */
	readonly textTower?: string | undefined;
	/** Copy weights that are on the Hub to a temporary folder while it runs, without which they are refused. Default false. */
	readonly download?: boolean | undefined;
	/** Threads of ONNX Runtime. Default: the physical cores. */
	readonly threads?: number | undefined;
}

/** Options of `embed`: pictures, texts, or both. */
export interface EmbedOptions extends ForwardOptions, ImageInputs, TextInputs {
	/** A file that ends in `.safetensors`, `.npy` or `.json`. Default: none is written. */
	readonly output?: string | undefined;
	/** Replace an output file that exists. Default false. */
	readonly force?: boolean | undefined;
}

/** What `embed` computed. */
export interface EmbedResult extends Features {
	/** The model as it was given. */
	readonly path: string;
	/** The file that was written. */
	readonly output: string | undefined;
	/** What the user should know although it is no fault. */
	readonly notices: readonly string[];
}

/**
 * Computes the features of pictures and texts, as OpenCLIP's `encode_image` and `encode_text` do, without normalising
 * them; with both, the logits too.
 *
 * One tower is in memory at a time, with 4 pictures or 16 texts. Texts are tokenised by the model's own files as
 * transformers does it, which differs from OpenCLIP where ftfy or `html.unescape` change a text.
 *
 * @param path a `.safetensors` file, a shard index, a folder with either, or a folder with `vision/` and `text/`
 * @throws {ClipSoupError} with a stable `code`, see docs/errors.md; the signal's reason when aborted
 * @example
 * const { images, texts, logitsPerImage } = await embed("soup/", { images: ["cat.png"], texts: ["a photo of a cat"] });
 */
export async function embed(path: string, options: EmbedOptions, watch: Watch = {}): Promise<EmbedResult> {
	const towers = towersFor(options);
	return withModel(path, options, watch, async (model, origins) => {
		const architecture = architectureFor(model, towers);
		await using imageRows = towers.has("image") ? await openImages(model, architecture, options) : undefined;
		await using textRows = towers.has("text") ? await openTexts(model, architecture, options) : undefined;
		const pictures = options.pixelValues === undefined ? imageRows?.names : undefined;
		const inputs = await inputsOf(model, options, pictures ?? []);
		const { output, force = false } = options;
		const plan = output === undefined ? undefined : await planFeatureOutput(output, towers.size, { inputs, force });
		const temperature = towers.size > 1 && hasTemperature(model) ? await finiteTemperature(model) : undefined;
		const run = { threads: options.threads, signal: watch.signal };
		const images = imageRows && (await towerFeatures({ model, architecture, tower: "image" }, imageRows, run));
		const texts = textRows && (await towerFeatures({ model, architecture, tower: "text" }, textRows, run));
		const logits = images && texts && temperature && logitsOf(images, texts, temperature);
		const features = { images, texts, logitsPerImage: logits, origins };
		if (plan) await writeFeatures(features, plan, watch.signal);
		const noLogits = images && texts && !logits ? [NO_LOGITS] : [];
		return { path, output, ...features, notices: [...model.notices, ...(textRows?.notices ?? []), ...noLogits] };
	});
}

/** Options of `classify`. */
export interface ClassifyOptions extends ForwardOptions, ImageInputs, Pick<TextInputs, "tokenizer"> {
	/** Names of the classes, or with no templates whole texts. */
	readonly classes: readonly string[];
	/** Texts with `{}` where the name goes. Default: the name alone. */
	readonly templates?: readonly string[] | undefined;
}

/** What `classify` found. */
export interface Classification {
	/** The model as it was given. */
	readonly path: string;
	readonly classes: readonly string[];
	readonly templates: readonly string[];
	readonly images: readonly ClassifiedImage[];
	/** What was read of the Hub, at which commit. */
	readonly origins: readonly ResolvedReference[];
	/** What the user should know although it is no fault. */
	readonly notices: readonly string[];
}

export interface ClassifiedImage {
	readonly name: string;
	/** The class with the highest probability; of equal ones the first. */
	readonly best: string;
	/** In the order of the classes; they sum to 1. */
	readonly probabilities: readonly number[];
}

/**
 * Classifies pictures among classes that are told in words: zero-shot.
 *
 * A class is the mean of the normalised features of its filled templates, normalised again; a score is the cosine times
 * `exp(logit_scale)`; probabilities are the softmax of a picture's scores.
 *
 * @throws {ClipSoupError} as `embed`; ERR_TENSOR_MISSING without a temperature
 * @example
 * const { images } = await classify("soup/", { images: ["pets/"], classes: ["cat", "dog"], templates: ["a photo of a {}."] });
 */
export async function classify(path: string, options: ClassifyOptions, watch: Watch = {}): Promise<Classification> {
	const { classes, templates = [PLACE] } = options;
	const texts = fillTemplates(classes, templates);
	const towers = towersFor({ ...options, texts });
	refuseIncomplete(towers, templates);
	return withModel(path, options, watch, async (model, origins) => {
		const architecture = architectureFor(model, towers);
		const temperature = await finiteTemperature(model);
		await using imageRows = await openImages(model, architecture, options);
		await using textRows = await openTexts(model, architecture, { texts, tokenizer: options.tokenizer });
		const run = { threads: options.threads, signal: watch.signal };
		const width = architecture.embedDim;
		const images = await towerFeatures({ model, architecture, tower: "image" }, imageRows, run);
		const classifier = await zeroShotClassifier(featureBatches({ model, architecture, tower: "text" }, textRows, run), {
			classes: classes.length,
			templates: templates.length,
			width,
		});
		const logits = logitsPerImage(images.values, classifier, width, temperature);
		const found = softmaxRows(logits, classes.length).map((probabilities, row) => ({
			name: images.names[row] ?? "",
			best: classes[indexOfLargest(probabilities)] ?? "",
			probabilities,
		}));
		return { path, classes, templates, images: found, origins, notices: [...model.notices, ...textRows.notices] };
	});
}

const NO_LOGITS = "no file holds a temperature, so that there are no logits; give it with --logit-scale";

/** @throws {ClipSoupError} ERR_USAGE if nothing is given, or one thing in two forms */
function towersFor({ images = [], pixelValues, texts = [], inputIds }: ImageInputs & TextInputs): Set<GraphTower> {
	if (images.length > 0 && pixelValues !== undefined) {
		throw usage("Cannot embed: found both --image and --pixel-values, expected one of them", "leave one of them out");
	}
	if (texts.length > 0 && inputIds !== undefined) {
		throw usage("Cannot embed: found both --text and --input-ids, expected one of them", "leave one of them out");
	}
	const towers = new Set<GraphTower>();
	if (images.length > 0 || pixelValues !== undefined) towers.add("image");
	if (texts.length > 0 || inputIds !== undefined) towers.add("text");
	if (towers.size > 0) return towers;
	throw usage("Cannot embed: found no picture and no text, expected at least one", "give --image, --text, or both");
}

/** @throws {ClipSoupError} ERR_USAGE */
function refuseIncomplete(towers: ReadonlySet<GraphTower>, templates: readonly string[]): void {
	if (!towers.has("text"))
		throw usage("Cannot classify: found no class, expected at least one", "give --text or --classes");
	if (!towers.has("image")) throw usage("Cannot classify: found no picture, expected at least one", "give --image");
	const wrong = templates.find((template) => !template.includes(PLACE));
	if (wrong === undefined) return;
	throw usage(`Cannot use template "${wrong}": found no ${PLACE}, expected one`, `put ${PLACE} where the class goes`);
}

function usage(message: string, fix: string): ClipSoupError {
	return new ClipSoupError("ERR_USAGE", message, { fix });
}

async function withModel<Result>(
	path: string,
	{ textTower: text, tokenizer, arch, archConfig, logitScale, download }: ForwardOptions & TextInputs,
	watch: Watch,
	work: (model: ClipModel, origins: readonly ResolvedReference[]) => Promise<Result>,
): Promise<Result> {
	if (tokenizer !== undefined) refuseHub(tokenizer, "take the tokenizer of", "tokenizer is read from a folder");
	const hub = new Hub(watch);
	const opened = await openModelFiles(path, text, hub);
	await using held = download ? await downloadWeights(opened, watch) : holdCheckpoints(opened);
	const model = await readModel(path, held.checkpoints, { text, arch, archConfig, logitScale }, hub);
	return await work(model, hub.origins);
}

/** What has to be given for a tower that a model has not. */
const TOWER_FIXES: Readonly<Record<GraphTower, string>> = {
	image: "give a folder that holds the image tower",
	text: "give the text tower's folder with --text-tower",
};

/** @throws {ClipSoupError} ERR_TENSOR_MISSING for a tower that is not there, ERR_USAGE for facts that nothing tells */
function architectureFor(model: ClipModel, towers: ReadonlySet<GraphTower>): PartialArchitecture {
	const found = towersIn(model.tensors);
	for (const tower of towers) {
		if (found.has(tower)) continue;
		throw new ClipSoupError(
			"ERR_TENSOR_MISSING",
			`Cannot compute ${tower} features with "${model.path}": found no ${tower} tower, expected one`,
			{ fix: TOWER_FIXES[tower], details: { tower } },
		);
	}
	return partOf(model, towers);
}

function hasTemperature({ tensors, carried }: ClipModel): boolean {
	return [...tensors, ...carried].some(({ name }) => name === "logit_scale");
}

/** @throws {ClipSoupError} what `readTemperature` throws; ERR_NON_FINITE if logits would not be finite float32 numbers */
async function finiteTemperature(model: ClipModel): Promise<Temperature> {
	const temperature = await readTemperature(model);
	if (Number.isFinite(Math.fround(temperature.scale)) && Number.isFinite(temperature.bias)) return temperature;
	const { scale, bias } = temperature;
	throw new ClipSoupError(
		"ERR_NON_FINITE",
		`Cannot compute the logits of "${model.path}": found factor ${scale} and summand ${bias}, expected finite numbers`,
		{ fix: "logit_scale is the logarithm of the factor: a CLIP has ln 100 = 4.6 at most", details: { scale, bias } },
	);
}

/** Every file that is read, which the output must not be. */
async function inputsOf(
	model: ClipModel,
	options: EmbedOptions,
	pictures: readonly string[],
): Promise<InputIdentity[]> {
	const { archConfig, tokenizer, pixelValues, inputIds } = options;
	const folders = [...model.checkpoints.map(({ folder }) => folder?.path), tokenizer].flatMap((folder) => folder ?? []);
	const files = [archConfig, pixelValues, inputIds].flatMap((file) => file ?? []);
	const paths = [...folders.flatMap(companionPaths), ...files, ...pictures];
	return [...(await identitiesOf(model.checkpoints)), ...(await identitiesAt(paths))];
}

function logitsOf(images: NamedFeatures, texts: NamedFeatures, temperature: Temperature): Float32Array {
	return Float32Array.from(logitsPerImage(images.values, texts.values, images.width, temperature));
}

function indexOfLargest(values: readonly number[]): number {
	return values.reduce((best, value, index) => (value > (values[best] ?? Number.NaN) ? index : best), 0);
}
