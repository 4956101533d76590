import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type DigestedTensor, modelDigest } from "../tensor/model-digest.ts";
import { compareUtf8 } from "../tensor/names.ts";
import type { MergePlan } from "./merge-plan.ts";
import type { ModelDigests } from "./provenance.ts";
import type { StepDigests } from "./results.ts";

/** SHA-256 of every tensor of one checkpoint, and the digest over them. */
export interface CheckpointDigests {
	readonly modelDigest: string;
	/** `sha256:` and hex digest of each tensor's bytes, sorted by name in UTF-8 byte order. */
	readonly tensors: readonly { readonly name: string; readonly sha256: string }[];
}

/** Digests of all inputs, in their order, and of the output. */
export interface SoupDigests {
	readonly inputs: readonly CheckpointDigests[];
	readonly output: CheckpointDigests;
}

/** Gathers the digests that the threads take in the pass over the bytes. */
export class DigestCollector {
	readonly #plan: MergePlan;
	readonly #inputs: readonly { readonly checkpoint: Checkpoint; readonly tensors: DigestedTensor[] }[];
	readonly #output: DigestedTensor[] = [];

	constructor(inputs: readonly Checkpoint[], plan: MergePlan) {
		this.#plan = plan;
		this.#inputs = inputs.map((checkpoint) => ({ checkpoint, tensors: [] }));
	}

	add(step: number, { operands, output }: StepDigests): void {
		const subject = this.#plan.subjects[step];
		if (subject === undefined) return;
		operands.forEach((sha256, operand) => {
			const input = this.#inputs[subject.inputs[operand] ?? 0];
			const tensor = input?.checkpoint.tensors.get(subject.name);
			if (tensor) input?.tensors.push({ ...tensor, sha256 });
		});
		if (output !== undefined && "treatment" in subject) this.#output.push({ ...subject, sha256: output });
	}

	result(): SoupDigests {
		return { inputs: this.#inputs.map(({ tensors }) => summarise(tensors)), output: summarise(this.#output) };
	}
}

function summarise(tensors: readonly DigestedTensor[]): CheckpointDigests {
	const sorted = tensors.toSorted((a, b) => compareUtf8(a.name, b.name));
	return {
		modelDigest: modelDigest(sorted),
		tensors: sorted.map(({ name, sha256 }) => ({ name, sha256: `sha256:${sha256}` })),
	};
}

/** Only the digests over whole checkpoints: what the recipe in the header has room for. */
export function modelDigestsOf({ inputs, output }: SoupDigests): ModelDigests {
	return { inputs: inputs.map((input) => input.modelDigest), output: output.modelDigest };
}
