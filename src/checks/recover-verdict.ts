import { type CheckResult, type Finding, ranCheck, skippedCheck } from "../verification.ts";
import { type Mixture, onlyIngredient, type TensorMixture, type Verdict } from "./recover-mixture.ts";
import { decayOf } from "./recover-weights.ts";

/**
 * What the weights of a soup and of its tensors say.
 *
 * @param shared the mixture that most elements share
 * @param twins numbers, from 1, of two ingredients that are equal
 */
export function verdictOn(
	shared: Mixture,
	tensors: readonly TensorMixture[],
	twins: readonly [number, number] | undefined,
): Verdict {
	if (shared.weights === undefined) return undecided(tensors, twins);
	const others = tensors.filter((tensor) => !isWithin(tensor.sharedResidual, tensor));
	const strangers = others.filter((tensor) => !isWithin(tensor.residual, tensor));
	const names = others.map(({ name }) => name);
	if (others.length === 0)
		return { kind: "one", text: `One mixture of the ingredients: ${mixtureText(shared)}`, others: [] };
	const [first] = strangers;
	if (first !== undefined) {
		const worst = strangers.reduce((a, b) => ((b.residual ?? 0) > (a.residual ?? 0) ? b : a), first);
		const text = `No mixture of the ingredients: ${strangers.length} of ${tensors.length} tensors are none with any weights, such as "${worst.name}" (residual ${short(worst.residual)}, rounding explains ${short(worst.tolerance)}); ${closest(shared, others.length, tensors.length)}`;
		return { kind: "none", text, others: names };
	}
	const text = `Several mixtures of the ingredients: ${closest(shared, others.length, tensors.length)}, such as ${otherText(others[0])}`;
	return { kind: "several", text, others: names };
}

function isWithin(residual: number | undefined, { tolerance }: TensorMixture): boolean {
	return residual !== undefined && residual <= tolerance;
}

function undecided(tensors: readonly TensorMixture[], twins: readonly [number, number] | undefined): Verdict {
	const reason =
		tensors.length === 0
			? "there are no float tensors to compare"
			: twins === undefined
				? "one of them is a mixture of the others"
				: `ingredients ${twins[0]} and ${twins[1]} are equal`;
	return { kind: "undecided", text: `The ingredients do not decide the weights: ${reason}`, others: [] };
}

function closest(shared: Mixture, others: number, all: number): string {
	return `${all - others} of ${all} tensors share ${mixtureText(shared)}, and ${others} do not`;
}

function mixtureText(mixture: Mixture): string {
	const { weights = [], errors, simple, residual } = mixture;
	const measured = weights.map((weight, k) => `${weight.toFixed(digitsOf(errors[k]))}`).join(", ");
	const exact = simple === undefined ? "" : ` = ${simple.text}`;
	const decay = decayOf({ weights, errors });
	const average = decay === undefined ? "" : `, an exponential moving average with α = ${decay.toFixed(6)}`;
	return `weights ${measured}${exact}${average} (residual ${short(residual)})`;
}

/** Digits after the point that mean something, given a standard error; at least 4, at most 9. */
function digitsOf(error = 0): number {
	return Math.min(9, Math.max(4, Math.floor(-Math.log10(Math.max(error, 1e-12)))));
}

function short(value: number | undefined): string {
	return value === undefined ? "unknown" : value.toPrecision(3);
}

function otherText(tensor: TensorMixture | undefined): string {
	if (tensor === undefined) return "none";
	const only = onlyIngredient(tensor);
	return only === undefined
		? `"${tensor.name}" with ${mixtureText(tensor)}`
		: `"${tensor.name}", which is that of ingredient ${only + 1}`;
}

/** The verdict as CS008: one mixture passes, several pass with warnings, none fails. */
export function mixtureCheck(
	verdict: Verdict,
	tensors: readonly TensorMixture[],
	mismatches: readonly Finding[],
	seconds: number,
): CheckResult {
	if (tensors.length === 0 && mismatches.length === 0) return skippedCheck("CS008", verdict.text);
	const others = new Set(verdict.others);
	const strangers = tensors.filter((tensor) => others.has(tensor.name) && !isWithin(tensor.residual, tensor));
	const areStrangers = strangers.length >= Math.max(LEAST_STRANGERS, tensors.length * STRANGERS_SHARE);
	const findings = areStrangers
		? [strangersFinding(strangers.length, tensors.length)]
		: tensors.filter(({ name }) => others.has(name)).map(otherFinding);
	const undecidedFinding: Finding[] = verdict.kind === "undecided" ? [{ level: "error", message: verdict.text }] : [];
	return ranCheck("CS008", seconds, {
		detail: verdict.text,
		findings: [...mismatches, ...undecidedFinding, ...tensors.flatMap(nonFiniteFinding), ...findings],
	});
}

/** From this share of tensors on that are no mixture, the soup as a whole is none: one finding says so. */
const STRANGERS_SHARE = 0.9;
const LEAST_STRANGERS = 10;

function strangersFinding(count: number, all: number): Finding {
	return {
		level: "error",
		message: `${count} of ${all} tensors are no mixture of the ingredients, whatever the weights`,
		cause: "other ingredients, one that is not named, or weights that were trained further",
	};
}

/** A soup of NaN is a mixture of nothing. */
function nonFiniteFinding({ name, file, nonFinite }: TensorMixture): Finding[] {
	if (nonFinite === 0) return [];
	const message = `"${name}": ${nonFinite} elements are NaN or infinite, in the soup or in an ingredient, and tell no weights`;
	return [{ level: "error", message, file, tensor: name }];
}

function otherFinding(tensor: TensorMixture): Finding {
	const { name, file, residual, sharedResidual, tolerance } = tensor;
	const bound = `rounding explains ${short(tolerance)}`;
	if (!isWithin(residual, tensor)) {
		const message = `"${name}" is no mixture of the ingredients: found a residual of ${short(residual)} at best, ${bound}`;
		return { level: "error", message, file, tensor: name };
	}
	const message = `"${name}" has other weights than the rest: these leave a residual of ${short(sharedResidual)}, ${bound}`;
	return { level: "warning", message, file, tensor: name, cause: otherText(tensor) };
}
