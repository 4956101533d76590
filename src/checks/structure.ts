import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { type ClipSoupError, FaultsError, isClipSoupError } from "../errors.ts";
import { canonicalFaults } from "../layouts/canonical-faults.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { expectedTowers } from "./expected-towers.ts";

/** Checks that an error of reading a model belongs to. */
export type StructureCheck = "CS003" | "CS004" | "CS012";

/** Codes that are about shapes and about configurations; every other one is about names. */
const CHECK_OF_CODE: Partial<Record<ClipSoupError["code"], StructureCheck>> = {
	ERR_SHAPE_MISMATCH: "CS004",
	ERR_DTYPE_MISMATCH: "CS004",
	ERR_TENSOR_DTYPE: "CS004",
	ERR_VALUE_MISMATCH: "CS004",
	ERR_CONFIG_INVALID: "CS012",
	ERR_ARCHITECTURE_MISMATCH: "CS012",
	ERR_VOCABULARY_MISMATCH: "CS012",
};

/** CS003 and CS004: whether a model has exactly the tensors of its architecture, in their dtypes and shapes. */
export function checkStructure(model: ClipModel, architecture: PartialArchitecture): readonly CheckResult[] {
	const start = performance.now();
	const towers = expectedTowers(model);
	const stored = [...model.tensors, ...model.carried];
	const faults = canonicalFaults(architecture, stored, towers, `"${model.path}"`);
	const seconds = (performance.now() - start) / 1000;
	const detail = `${model.tensors.length} tensors of ${[...towers].join(", ")} against the architecture`;
	return (["CS003", "CS004"] as const).map((check) =>
		ranCheck(check, seconds, { detail, findings: findingsOf(faults, check) }),
	);
}

/** What checks make of a model that could not be read: each of its faults is a finding of the check it belongs to. */
export function unreadableModel(error: unknown): readonly CheckResult[] {
	const faults = error instanceof FaultsError ? error.faults : isClipSoupError(error) ? [error] : [];
	return (["CS003", "CS004", "CS012"] as const).flatMap((check) => {
		const findings = findingsOf(faults, check);
		return findings.length === 0 ? [] : [ranCheck(check, 0, { detail: "the model could not be read", findings })];
	});
}

function findingsOf(faults: readonly ClipSoupError[], check: StructureCheck): Finding[] {
	return faults.filter(({ code }) => (CHECK_OF_CODE[code] ?? "CS003") === check).map(findingOf);
}

/** A fault as a finding. */
export function findingOf({ message, details: { tensor, file } }: ClipSoupError): Finding {
	return {
		level: "error",
		message,
		...(typeof tensor === "string" && { tensor }),
		...(typeof file === "string" && { file }),
	};
}
