import { posix } from "node:path";
import type { Carried, CarriedTensor } from "../layouts/carried.ts";
import { weightFileName } from "../layouts/detect.ts";
import { TARGETS, type TargetFolder, type TargetId } from "../layouts/index.ts";
import type { WrittenFolder, WrittenTensor } from "../layouts/write.ts";
import { elementCount } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { CanonicalPlace } from "./canonical-plan.ts";
import type { CanonicalSum } from "./canonical-tensors.ts";
import { type PlannedFile, planWeightSet, type WeightSet } from "./weight-files.ts";

/** A folder of the output with its tensors, before their places are known. */
export interface OutputFolder {
	readonly target: TargetId;
	/** Relative to the output's folder; empty for that folder itself. */
	readonly path: string;
	readonly layout: TargetFolder["layout"];
	/** What goes into its metadata. */
	readonly carried: Carried;
	readonly tensors: readonly OutputTensor[];
}

/** A tensor of the output and the run of a canonical tensor's elements that it holds. */
export interface OutputTensor extends TensorInfo, Pick<CanonicalSum, "treatment"> {
	/** Undefined for a bias that is zero throughout. */
	readonly run: (Omit<CanonicalPlace, "file" | "position"> & { readonly canonical: string }) | undefined;
}

/** The output's form of a folder that is to be written. */
export function outputFolder(
	target: TargetId,
	root: string,
	{ folder, tensors, facts }: WrittenFolder,
	{ sums, carried }: { readonly sums: ReadonlyMap<string, CanonicalSum>; readonly carried: readonly CarriedTensor[] },
): OutputFolder {
	return {
		target,
		path: posix.join(root, folder.name).replace(/^\.$/, ""),
		layout: folder.layout,
		carried: { tensors: carried, facts },
		tensors: tensors.flatMap((tensor) => outputTensor(tensor, sums) ?? []),
	};
}

function outputTensor(
	{ name, shape, source }: WrittenTensor,
	sums: ReadonlyMap<string, CanonicalSum>,
): OutputTensor | undefined {
	const canonical = source.kind === "zeros" ? source.dtypeOf : source.name;
	const sum = sums.get(canonical);
	if (sum === undefined) return undefined;
	const { dtype, treatment } = sum;
	if (source.kind === "zeros") return { name, shape, dtype, treatment, run: undefined };
	const rowElements = elementCount(sum.shape) / Number(sum.shape[0] ?? 1);
	const begin = (source.rows?.[0] ?? 0) * rowElements;
	const run = { canonical, begin, elementCount: elementCount(shape), isTransposed: source.isTransposed };
	return { name, shape, dtype, treatment, run };
}

/** How the weight files of the folders are called and cut. */
export interface FolderOptions {
	/** Name of the one file of a file output; undefined for the names that the layouts' libraries load. */
	readonly fileName: string | undefined;
	readonly maxShardSize: number | undefined;
	/** Metadata of a target's files that carry this. */
	readonly metadata: (target: TargetId, carried: Carried) => ReadonlyMap<string, string>;
}

/** The weight files of all folders. */
export function weightSetOf(folders: readonly OutputFolder[], options: FolderOptions): WeightSet {
	const sets = folders.map(({ target, path, layout, carried, tensors }) => {
		return planWeightSet(tensors, options.metadata(target, carried), {
			fileName: options.fileName ?? weightFileName(layout.family),
			maxShardSize: TARGETS[target].oneFile === undefined ? options.maxShardSize : undefined,
			folder: path,
		});
	});
	return { files: sets.flatMap(({ files }) => files), indexes: sets.flatMap(({ indexes }) => indexes) };
}

/** Where each canonical tensor goes: the runs that tensors in these files hold of it. */
export function placesIn(
	folders: readonly OutputFolder[],
	files: readonly PlannedFile[],
): ReadonlyMap<string, readonly CanonicalPlace[]> {
	const runs = new Map(
		folders.map(({ path, tensors }) => [path || ".", new Map(tensors.map(({ name, run }) => [name, run]))]),
	);
	const places = new Map<string, CanonicalPlace[]>();
	for (const [file, { name: fileName, dataStart, tensors }] of files.entries()) {
		for (const { name, begin } of tensors) {
			const run = runs.get(posix.dirname(fileName))?.get(name);
			if (run === undefined) continue;
			const { canonical, ...range } = run;
			const known = places.get(canonical) ?? [];
			known.push({ file, position: dataStart + begin, ...range });
			places.set(canonical, known);
		}
	}
	return places;
}
