import type { PartialArchitecture } from "./architectures/architecture.ts";
import { describeArchitecture } from "./architectures/describe.ts";
import { type ClipModel, type ModelOptions, openModelFiles, readModel, towersIn } from "./checkpoint/model.ts";
import { closeAll } from "./checkpoint/open.ts";
import { canonicalCompanions } from "./engine/canonical-companions.ts";
import { planCanonicalProduct, recipeSource } from "./engine/canonical-product.ts";
import { chooseTargets } from "./engine/choose-targets.ts";
import { type Delivery, type DeliveryOptions, deliver } from "./engine/deliver.ts";
import type { Product } from "./engine/produce.ts";
import { conversionRecipe } from "./engine/provenance.ts";
import { refuseShards } from "./engine/shards.ts";
import { startThreadsAhead } from "./engine/threads.ts";
import { ClipSoupError } from "./errors.ts";
import { Hub } from "./hub/hub.ts";
import { partialArchitecture } from "./layouts/combine-facts.ts";
import type { LayoutId } from "./layouts/detect.ts";
import type { TargetId } from "./layouts/index.ts";
import { resolveTarget } from "./output/target.ts";
import type { Watch } from "./progress.ts";

/** Options of `convert`; all have the defaults of the command line. */
export interface ConvertOptions extends ModelOptions, DeliveryOptions {
	/** Layouts to write. */
	readonly to: readonly LayoutId[];
	/** A folder; with one target of one folder also a `.safetensors` file. */
	readonly output: string;
	/** For `hf`: one folder for transformers' `VisionTextDualEncoderModel`, not two. Default false. */
	readonly hfDual?: boolean | undefined;
	/** Write no configuration, preprocessor or tokenizer files. Default false. */
	readonly weightsOnly?: boolean | undefined;
	/** Split timm and Hugging Face weights into shards of at most so many bytes of tensors. Default: one file. */
	readonly maxShardSize?: number | undefined;
}

/** What `convert` did, or with `dryRun` would do. */
export interface ConvertResult extends Delivery {
	/** The output as it was named. */
	readonly output: string;
	/** Layouts of the input's folders, each with what speaks for it. */
	readonly from: readonly { readonly path: string; readonly layout: string; readonly evidence: string }[];
	/** Undefined where tensors alone are written and nobody tells all of it. */
	readonly architecture: PartialArchitecture | undefined;
	/** The architecture in words. */
	readonly description: string | undefined;
	readonly targets: readonly TargetId[];
	/** Tensors of the output, all targets together. */
	readonly tensors: number;
}

/**
 * Converts a CLIP between OpenCLIP, timm and Hugging Face layouts, streaming and without a change to any value.
 *
 * Writes weights, configuration and preprocessor files, and carries tokenizer files over. What a layout cannot hold is
 * refused, or carried in the metadata where the way back needs it.
 *
 * @param input a `.safetensors` file, a shard index, a folder with either, or a folder with `vision/` and `text/`
 * @throws {ClipSoupError} with a stable `code`, see docs/errors.md; the signal's reason when aborted
 * @example
 * const { targets } = await convert("openclip/", { to: ["hf"], output: "hf/" });
 */
export async function convert(input: string, options: ConvertOptions, watch: Watch = {}): Promise<ConvertResult> {
	const hub = new Hub(watch);
	const checkpoints = await openModelFiles(input, options.text, hub);
	try {
		using _threads = startThreadsAhead(checkpoints, options);
		return await convertModel(await readModel(input, checkpoints, options, hub), options, watch);
	} finally {
		await closeAll(checkpoints);
	}
}

async function convertModel(model: ClipModel, options: ConvertOptions, watch: Watch): Promise<ConvertResult> {
	const drop = new Set(options.drop ?? []);
	const targets = chooseTargets(model, options);
	const output = await resolveTarget(options.output);
	if (output.kind === "file" && (targets.length > 1 || targets.some(({ target }) => target.folders.length > 1))) {
		throw new ClipSoupError("ERR_USAGE", `Cannot write "${options.output}": the output is more than one weight file`, {
			fix: "name a folder with -o",
		});
	}
	refuseShards(
		targets.map(({ target }) => target),
		output,
		options.maxShardSize,
	);
	const recipe = conversionRecipe(recipeSource(model));
	const hasConfigs = output.kind === "folder" && !options.weightsOnly;
	const { product, architecture, tensors, notices } = await planCanonicalProduct({
		models: [model],
		targets,
		output,
		options: { weights: undefined, dtype: undefined, keep: new Map() },
		maxShardSize: options.maxShardSize,
		hasConfigs,
		drop,
		recipe: () => recipe,
	});
	const companions = hasConfigs ? await canonicalCompanions([model], targets, { architecture, tensors }) : undefined;
	const known = hasConfigs ? architecture : partialArchitecture(model.knowledge, towersIn(model.tensors));
	const whole: Product = { ...product, smallFiles: companions?.files ?? [] };
	// Nothing is computed: whatever the bytes are, they stay what they are.
	const mode = { phase: "convert", allowNonFinite: true, digests: false, fileDigests: false } as const;
	const delivery = await deliver(whole, mode, options, watch);
	return {
		...delivery,
		output: options.output,
		from: describeLayouts(model),
		architecture: known,
		description: known && describeArchitecture(known),
		targets: targets.map(({ target }) => target.id),
		tensors: tensors.length,
		notices: [...notices, ...unusedDrops(model, drop), ...(companions?.notices ?? []), ...delivery.notices],
	};
}

function describeLayouts({ checkpoints, reading }: ClipModel): ConvertResult["from"] {
	return checkpoints.map(({ path }, index) => {
		const recognition = reading.recognitions[index];
		return {
			path,
			layout: recognition?.layout.id ?? "unknown",
			evidence: recognition?.evidence[0]?.for ?? "",
		};
	});
}

/** Names that were to be dropped and are not there. */
function unusedDrops({ reading, tensors }: ClipModel, drop: ReadonlySet<string>): string[] {
	const known = new Set([...reading.dropped.map(({ name }) => name), ...tensors.map(({ name }) => name)]);
	const unused = [...drop].filter((name) => !known.has(name));
	return unused.length === 0 ? [] : [`--drop ${unused.join(", ")}: there is no such tensor`];
}
