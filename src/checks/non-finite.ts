import type { FiniteReport, NonFiniteTensor } from "../engine/finite-pass.ts";
import { counted } from "../reports/plain-text.ts";
import { type CheckResult, type Finding, ranCheck, skippedCheck } from "../verification.ts";

/** CS006: whether every element of every float tensor is a finite number. */
export function checkFinite({ tensors, elements, nonFinite }: FiniteReport, seconds: number): CheckResult {
	if (tensors === 0) return skippedCheck("CS006", "there are no float tensors");
	const detail = `${counted(elements, "element")} of ${counted(tensors, "float tensor")}`;
	return ranCheck("CS006", seconds, { detail, findings: nonFinite.map(findingOf) });
}

function findingOf({ name, nan, infinite, first, last }: NonFiniteTensor): Finding {
	const counts = [...(nan > 0 ? [`${nan} NaN`] : []), ...(infinite > 0 ? [`${infinite} Inf`] : [])].join(", ");
	const place = first === last ? `at element ${first}` : `from element ${first} to ${last}`;
	return {
		level: "error",
		message: `"${name}" holds ${counts} ${place}`,
		tensor: name,
		elements: [first, last],
		found: counts,
		expected: "finite numbers",
	};
}
