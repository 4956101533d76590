import type { FiniteReport, NonFiniteTensor } from "../engine/finite-pass.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";

/** CS006: whether every element of every float tensor is a finite number. */
export function checkFinite({ tensors, elements, nonFinite }: FiniteReport, seconds: number): CheckResult {
	const detail = `${elements} elements of ${tensors} float tensors`;
	return ranCheck("CS006", seconds, { detail, findings: nonFinite.map(findingOf) });
}

function findingOf({ name, nan, infinite, first, last }: NonFiniteTensor): Finding {
	const counts = [...(nan > 0 ? [`${nan} NaN`] : []), ...(infinite > 0 ? [`${infinite} Inf`] : [])].join(", ");
	return {
		level: "error",
		message: `"${name}" holds ${counts} from element ${first} to ${last}`,
		tensor: name,
		elements: [first, last],
		found: counts,
		expected: "finite numbers",
	};
}
