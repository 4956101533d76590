import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { StagedFile } from "../output/staging.ts";
import type { Watch } from "../progress.ts";
import type { DigestedTensor } from "../tensor/model-digest.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { digestStep, readBytes } from "./census-pass.ts";
import { type CheckpointsDigests, summariseDigests } from "./digests.ts";
import { sourcesOf } from "./plan.ts";
import type { PassSource } from "./protocol.ts";
import type { WeightSet } from "./weight-files.ts";

interface StoredRun extends TensorInfo {
	/** Number of its file within the group. */
	readonly file: number;
	readonly position: number;
	readonly byteLength: number;
}

/** Files and the tensors in them that one digest speaks of. */
interface Group {
	readonly sources: readonly PassSource[];
	readonly tensors: readonly StoredRun[];
}

/** Digests of what is stored, in a pass of its own: where an output's tensors are not those of its inputs. */
export async function digestStored(
	inputs: readonly { readonly checkpoints: readonly Checkpoint[] }[],
	output: { readonly planned: WeightSet; readonly staged: readonly StagedFile[] },
	{ threads }: { readonly threads: number | undefined },
	watch: Watch,
): Promise<CheckpointsDigests> {
	const groups = [...inputs.map(({ checkpoints }) => groupOf(checkpoints)), outputGroup(output)];
	const runs = groups.flatMap(({ tensors }, group) => tensors.map((tensor) => ({ ...tensor, group })));
	const firstOf = groups.map((_, group) =>
		groups.slice(0, group).reduce((sum, { sources }) => sum + sources.length, 0),
	);
	const read = await readBytes(
		runs.map(({ group, file, position, byteLength }) =>
			digestStep(byteLength, { source: (firstOf[group] ?? 0) + file, position }),
		),
		{ phase: "digest", sources: groups.flatMap(({ sources }) => sources), threads },
		watch,
	);
	const digested = groups.map((): DigestedTensor[] => []);
	for (const [row, { group, name, dtype, shape }] of runs.entries()) {
		digested[group]?.push({ name, dtype, shape, sha256: read[row]?.sha256 ?? "" });
	}
	const summaries = digested.map(summariseDigests);
	const [own = summariseDigests([])] = summaries.slice(-1);
	return { inputs: summaries.slice(0, -1), output: own };
}

function groupOf(checkpoints: readonly Checkpoint[]): Group {
	let first = 0;
	const tensors = checkpoints.flatMap((checkpoint) => {
		const offset = first;
		first += checkpoint.files.length;
		return [...checkpoint.tensors.values()].map((tensor) => ({ ...tensor, file: offset + tensor.file }));
	});
	return { sources: sourcesOf(checkpoints), tensors };
}

function outputGroup({ planned, staged }: Parameters<typeof digestStored>[1]): Group {
	const tensors = planned.files.flatMap(({ tensors: held, dataStart }, file) =>
		held.map(({ name, dtype, shape, begin, end }) => {
			return { name, dtype, shape, file, position: dataStart + begin, byteLength: end - begin };
		}),
	);
	return { sources: staged, tensors };
}
