import { counted } from "../reports/plain-text.ts";
import { equalShapes, formatShape } from "../tensor/shape.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { type ComparedTensor, type LockComparison, placeOf } from "./lock-comparison.ts";

/** Whether a tensor is what the lock says but for its bytes. */
export function hasLockedForm({ locked, found }: ComparedTensor): boolean {
	return locked.dtype === found.dtype && equalShapes(locked.shape, found.shape);
}

/** CS004: every tensor has the lock's dtype and shape. A change of dtype that all tensors went through is one finding. */
export function checkShapes({ common }: LockComparison): CheckResult {
	const recast = common.filter(({ locked, found }) => locked.dtype !== found.dtype);
	const reshaped = common.filter(({ locked, found }) => !equalShapes(locked.shape, found.shape));
	const findings = [...(recastAlike(recast) ?? recast.map(dtypeFinding)), ...reshaped.map(shapeFinding)];
	return ranCheck("CS004", 0, { detail: counted(common.length, "tensor"), findings });
}

function recastAlike(recast: readonly ComparedTensor[]): readonly Finding[] | undefined {
	const [first, ...others] = recast;
	if (first === undefined || others.length === 0) return undefined;
	const {
		locked: { dtype: expected },
		found: { dtype: found },
	} = first;
	if (!others.every((one) => one.locked.dtype === expected && one.found.dtype === found)) return undefined;
	const message = `${recast.length} tensors are ${found}, expected ${expected}, "${first.found.name}" the first`;
	return [{ level: "error", message, expected, found, cause: `converted from ${expected} to ${found}` }];
}

function dtypeFinding({ locked: { name, dtype: expected }, found }: ComparedTensor): Finding {
	return {
		level: "error",
		message: `"${name}" is ${found.dtype}, expected ${expected}`,
		...placeOf(found),
		expected,
		found: found.dtype,
		cause: `converted from ${expected} to ${found.dtype}`,
	};
}

function shapeFinding({ locked, found }: ComparedTensor): Finding {
	const [expected, shape] = [formatShape(locked.shape), formatShape(found.shape)];
	const isTransposed = found.shape.length === 2 && equalShapes(found.shape.toReversed(), locked.shape);
	return {
		level: "error",
		message: `"${locked.name}" is ${shape}, expected ${expected}`,
		...placeOf(found),
		expected,
		found: shape,
		...(isTransposed && { cause: "transposed" }),
	};
}
