import { ClipSoupError } from "../errors.ts";
import { trainedBiasFault } from "../layouts/read-faults.ts";
import type { Dtype } from "../tensor/dtype.ts";
import type { StepSubject } from "./plan.ts";
import type { CopyFinding, MeanFinding, StepResult, TensorStatistics } from "./results.ts";

/** Integer buffers that count training steps: they differ between ingredients and mean nothing for a soup. */
export const COUNTER_SUFFIX = ".num_batches_tracked";

/** An input as messages speak of it. */
export interface FindingInput {
	readonly path: string;
	/** SHA-256 of a tensor's bytes, 64 hex digits. */
	digestTensor(name: string): Promise<string>;
}

interface TensorCounts {
	readonly nonFinite: Map<number, number>;
	overflow: number;
}

/** Collects what the threads found in the numbers. A tensor that was cut into several steps is spoken of once. */
export class Findings {
	readonly #inputs: readonly FindingInput[];
	readonly #subjects: readonly StepSubject[];
	/** Made when there is something to tell, which is hardly ever. */
	readonly #firstSteps = new Map<string, number>();
	readonly #counts = new Map<number, TensorCounts>();
	readonly #unequal = new Map<number, Set<number>>();
	readonly #trained = new Set<number>();

	constructor(inputs: readonly FindingInput[], subjects: readonly StepSubject[]) {
		this.#inputs = inputs;
		this.#subjects = subjects;
	}

	add(row: number, result: StepResult): void {
		const step = this.#firstStep(row);
		if (result.kind === "mean") this.#addMean(step, result);
		if (result.kind === "copy") this.#addCopy(step, result);
		if (result.kind === "scan" && this.#subjects[step]?.purpose === "zero") this.#addZero(step, result);
	}

	/** The first step of the tensor that a step is about. */
	#firstStep(row: number): number {
		const name = this.#nameOf(row);
		if (this.#firstSteps.size === 0) {
			for (const [step, subject] of this.#subjects.entries()) {
				if (!this.#firstSteps.has(subject.name)) this.#firstSteps.set(subject.name, step);
			}
		}
		return this.#firstSteps.get(name) ?? row;
	}

	#addMean(step: number, { nonFinite, overflow }: MeanFinding): void {
		const counts = this.#counts.get(step) ?? { nonFinite: new Map<number, number>(), overflow: 0 };
		nonFinite.forEach((count, operand) => {
			if (count > 0) counts.nonFinite.set(operand, (counts.nonFinite.get(operand) ?? 0) + count);
		});
		counts.overflow += overflow;
		this.#counts.set(step, counts);
	}

	#addCopy(step: number, { unequal }: CopyFinding): void {
		const operands = this.#unequal.get(step) ?? new Set<number>();
		for (const operand of unequal) operands.add(operand);
		this.#unequal.set(step, operands);
	}

	#addZero(step: number, { elements, zeros }: TensorStatistics): void {
		if (zeros < elements) this.#trained.add(step);
	}

	/** Faults in the order of the output's tensors, whatever the order in which the threads met them. */
	async faults({ allowNonFinite }: { readonly allowNonFinite: boolean }): Promise<ClipSoupError[]> {
		const faults: ClipSoupError[] = [];
		for (const [step, { nonFinite, overflow }] of byStep(this.#counts)) {
			if (!allowNonFinite) {
				for (const [operand, count] of byStep(nonFinite)) faults.push(this.#nonFinite(step, operand, count));
			}
			if (overflow > 0) faults.push(this.#overflow(step, overflow));
		}
		for (const [step, operands] of byStep(this.#unequal)) {
			if (!this.#nameOf(step).endsWith(COUNTER_SUFFIX)) faults.push(await this.#unequalValues(step, operands));
		}
		return [...faults, ...[...this.#trained].map((step) => trainedBiasFault(this.#nameOf(step)))];
	}

	/** What the user should know although it is no fault. */
	notices(): string[] {
		const counters = [...this.#unequal.keys()].filter((step) => this.#nameOf(step).endsWith(COUNTER_SUFFIX));
		if (counters.length === 0) return [];
		return [`${counters.length} num_batches_tracked differ between the inputs: the first input's are kept`];
	}

	#nameOf(step: number): string {
		return this.#subjects[step]?.name ?? "";
	}

	#inputOf(step: number, operand: number): { readonly number: number; readonly path: string } {
		const input = this.#subjects[step]?.inputs[operand] ?? 0;
		return { number: input + 1, path: this.#inputs[input]?.path ?? "" };
	}

	#nonFinite(step: number, operand: number, count: number): ClipSoupError {
		const { number, path } = this.#inputOf(step, operand);
		const tensor = this.#nameOf(step);
		return new ClipSoupError(
			"ERR_NON_FINITE",
			`Cannot average "${tensor}": found ${count} NaN or infinite values in input ${number} "${path}"`,
			{
				fix: "leave that input out, or add --allow-nonfinite to let them through",
				details: { tensor, input: number, count },
			},
		);
	}

	#overflow(step: number, count: number): ClipSoupError {
		const tensor = this.#nameOf(step);
		const dtype = this.#subjects[step]?.dtype;
		return new ClipSoupError(
			"ERR_OVERFLOW",
			`Cannot average "${tensor}": found ${count} results that ${dtype} cannot hold`,
			{ fix: wider(dtype), details: { tensor, dtype, count } },
		);
	}

	async #unequalValues(step: number, operands: ReadonlySet<number>): Promise<ClipSoupError> {
		const tensor = this.#nameOf(step);
		const [operand = 0] = [...operands].sort((a, b) => a - b);
		const { number, path } = this.#inputOf(step, operand);
		const expected = await this.#inputs[0]?.digestTensor(tensor);
		const found = await this.#inputs[number - 1]?.digestTensor(tensor);
		return new ClipSoupError(
			"ERR_VALUE_MISMATCH",
			`Cannot copy "${tensor}": found sha256:${found} in input ${number} "${path}", expected sha256:${expected} as in input 1, since its dtype is not averaged`,
			{ fix: `choose whose value to keep: --keep ${tensor}=1`, details: { tensor, input: number, found, expected } },
		);
	}
}

function byStep<T>(map: ReadonlyMap<number, T>): [number, T][] {
	return [...map].sort(([a], [b]) => a - b);
}

/** How to make room for a result that the output dtype cannot hold. */
function wider(dtype: Dtype | undefined): string {
	if (dtype === "F64") return "use smaller weights";
	return `choose a wider output: --dtype ${dtype === "F32" || dtype === "BF16" ? "f64" : "f32"}`;
}
