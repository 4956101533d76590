import { posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { Companions } from "../checkpoint/companions.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { requirePreprocess } from "../layouts/combine-facts.ts";
import type { Dtype } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { PlacedTarget } from "./canonical-product.ts";
import { outputTokenizer } from "./output-tokenizer.ts";
import { configFiles, tokenizerFolder } from "./target-files.ts";
import type { SmallFile } from "./weight-files.ts";

/**
 * The files that make targets of models loadable: tokenizers as they are, then configurations, which say that a folder is
 * complete.
 *
 * @throws {ClipSoupError} ERR_USAGE if nobody tells the preprocessing, ERR_LAYOUT_MISMATCH for what a target cannot say
 */
export async function canonicalCompanions(
	models: readonly ClipModel[],
	targets: readonly PlacedTarget[],
	{ architecture, tensors }: { readonly architecture: PartialArchitecture; readonly tensors: readonly TensorInfo[] },
): Promise<Omit<Companions, "files"> & { readonly files: readonly SmallFile[] }> {
	const [first] = models;
	if (first === undefined) throw new RangeError("There is at least one model");
	const tokenizer = await outputTokenizer(models, targets, architecture.text?.vocabularySize);
	const knowing = models.find(({ knowledge }) => knowledge.preprocess !== undefined) ?? first;
	const parts = {
		architecture,
		preprocess: () => requirePreprocess(knowing.knowledge),
		dtype: commonestDtype(tensors),
		vocabulary: tokenizer.vocabulary,
		modelConfig: tokenizer.modelConfig,
	};
	const files = targets.flatMap(({ target, root }) => {
		const folder = tokenizerFolder(target);
		const copies = folder === undefined ? [] : tokenizer.files;
		return [
			...copies.map(({ name, bytes }) => ({ name: posix.join(root, folder?.name ?? "", name), bytes })),
			...configFiles(target, root, parts),
		];
	});
	const notices = [
		...tokenizer.notices,
		...preprocessNotices(models, knowing),
		...paddingNotice(knowing.knowledge.preprocess?.resizeMode, targets),
	];
	return { files, faults: tokenizer.faults, notices };
}

/** Says where inputs prepare pictures otherwise than the output will: it is no fault, as in an average of one layout. */
function preprocessNotices(models: readonly ClipModel[], { knowledge }: ClipModel): string[] {
	return models.flatMap(({ knowledge: { facts }, path }, index) => {
		const differing = [...facts].filter(([fact, { value }]) => {
			const written = knowledge.facts.get(fact);
			return fact.startsWith("preprocess.") && written !== undefined && !isDeepStrictEqual(written.value, value);
		});
		if (differing.length === 0) return [];
		const names = differing.map(([fact]) => fact).join(", ");
		return [`input ${index + 1} "${path}" tells another ${names} than the configuration that is written`];
	});
}

/** timm has no word for OpenCLIP's padding: its own takes another colour. */
function paddingNotice(resizeMode: string | undefined, targets: readonly PlacedTarget[]): string[] {
	const isTimm = targets.some(({ target }) => target.id === "timm" || target.id === "hf-pair");
	if (resizeMode !== "longest" || !isTimm) return [];
	return ["timm pads pictures with their mean colour, where OpenCLIP pads with its fill_color"];
}

/** The dtype that most elements have: transformers loads all weights in it. */
function commonestDtype(tensors: readonly TensorInfo[]): Dtype {
	const counts = new Map<Dtype, number>();
	for (const { dtype, shape } of tensors) counts.set(dtype, (counts.get(dtype) ?? 0) + elementCount(shape));
	const [[dtype] = ["F32" as const]] = [...counts].sort(([, a], [, b]) => b - a);
	return dtype;
}
