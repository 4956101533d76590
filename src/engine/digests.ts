import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type DigestedTensor, modelDigest } from "../tensor/model-digest.ts";
import { compareUtf8 } from "../tensor/names.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { StepSubject } from "./plan.ts";
import type { ModelDigests } from "./provenance.ts";
import type { StepDigests } from "./results.ts";

/** SHA-256 of every tensor of one checkpoint, and the digest over them. */
export interface CheckpointDigests {
	readonly modelDigest: string;
	/** `sha256:` and hex digest of each tensor's bytes, sorted by name in UTF-8 byte order. */
	readonly tensors: readonly { readonly name: string; readonly sha256: string }[];
}

/** Digests of all inputs, in their order, and of the output. */
export interface CheckpointsDigests {
	readonly inputs: readonly CheckpointDigests[];
	readonly output: CheckpointDigests;
}

/** Gathers the digests that the threads take in the pass over the bytes. */
export class DigestCollector {
	readonly #subjects: readonly StepSubject[];
	readonly #inputs: readonly { readonly checkpoint: Checkpoint; readonly tensors: DigestedTensor[] }[];
	readonly #output: DigestedTensor[] = [];

	constructor(inputs: readonly Checkpoint[], subjects: readonly StepSubject[]) {
		this.#subjects = subjects;
		this.#inputs = inputs.map((checkpoint) => ({ checkpoint, tensors: [] }));
	}

	add(step: number, { operands, output }: StepDigests): void {
		const subject = this.#subjects[step];
		if (subject === undefined) return;
		operands.forEach((sha256, operand) => {
			const input = this.#inputs[subject.inputs[operand] ?? 0];
			const tensor = input?.checkpoint.tensors.get(subject.name);
			if (tensor) input?.tensors.push({ ...tensor, sha256 });
		});
		if (output !== undefined) this.#output.push({ ...this.#shapeOf(subject), sha256: output });
	}

	/** A step of a whole tensor writes it under the name and in the shape that it has in the inputs. */
	#shapeOf({ name, dtype }: StepSubject): TensorInfo {
		return { name, dtype, shape: this.#inputs[0]?.checkpoint.tensors.get(name)?.shape ?? [] };
	}

	result(): CheckpointsDigests {
		return {
			inputs: this.#inputs.map(({ tensors }) => summariseDigests(tensors)),
			output: summariseDigests(this.#output),
		};
	}
}

/** The digest over a checkpoint from those of its tensors. */
export function summariseDigests(tensors: readonly DigestedTensor[]): CheckpointDigests {
	const sorted = tensors.toSorted((a, b) => compareUtf8(a.name, b.name));
	return {
		modelDigest: modelDigest(sorted),
		tensors: sorted.map(({ name, sha256 }) => ({ name, sha256: `sha256:${sha256}` })),
	};
}

/** Only the digests over whole checkpoints: what the recipe in the header has room for. */
export function modelDigestsOf({ inputs, output }: CheckpointsDigests): ModelDigests {
	return { inputs: inputs.map((input) => input.modelDigest), output: output.modelDigest };
}
