import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { type ClipSoupError, faultsIn } from "../errors.ts";
import { canonicalFaults } from "../layouts/canonical-faults.ts";
import { storedForms } from "../layouts/stored-forms.ts";
import { trainedBiasFaults } from "../onnx/forward.ts";
import { counted } from "../reports/plain-text.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { expectedTowers } from "./expected-towers.ts";
import { shortPaths } from "./short-paths.ts";
import type { Subject } from "./subject.ts";

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

/**
 * CS003 and CS004: whether a model has exactly the tensors of its architecture, in their dtypes and shapes, and no bias
 * that a CLIP has no place for.
 */
export async function checkStructure(
	model: ClipModel,
	architecture: PartialArchitecture,
): Promise<readonly CheckResult[]> {
	const start = performance.now();
	const towers = expectedTowers(model);
	const stored = [...model.tensors, ...model.carried];
	const faults = [
		...canonicalFaults(architecture, stored, towers, {
			label: `"${model.name}"`,
			stored: storedForms(model.reading.recognitions),
		}),
		...(await trainedBiasFaults(model)),
	];
	const seconds = (performance.now() - start) / 1000;
	const detail = `${counted(model.tensors.length, "tensor")} of ${[...towers].join(", ")} against the architecture`;
	return (["CS003", "CS004"] as const).map((check) =>
		ranCheck(check, seconds, { detail, findings: findingsOf(faults, check, model) }),
	);
}

/** What checks make of a model that could not be read: each of its faults is a finding of the check it belongs to. */
export function unreadableModel(subject: Subject): readonly CheckResult[] {
	const { unread } = subject;
	const faults = faultsIn(unread);
	return (["CS003", "CS004", "CS012"] as const).flatMap((check) => {
		const findings = findingsOf(faults, check, subject);
		return findings.length === 0 ? [] : [ranCheck(check, 0, { detail: "the model could not be read", findings })];
	});
}

type Place = Pick<Subject, "path" | "checkpoints">;

function findingsOf(faults: readonly ClipSoupError[], check: StructureCheck, place: Place): Finding[] {
	return faults
		.filter(({ code }) => (CHECK_OF_CODE[code] ?? "CS003") === check)
		.map((fault) => findingOf(fault, place));
}

/** A fault as a finding: `details` name the tensor, of a fused one the part that is missing, and the file. */
function findingOf({ message, details: { name, missing = name, file } }: ClipSoupError, place: Place): Finding {
	return {
		level: "error",
		message: shortPaths(message, place),
		...(typeof missing === "string" && { tensor: missing }),
		// A part of a configuration is named before its file: `text_config of config.json`.
		...(typeof file === "string" && { file: shortPaths(file.replace(/^.* of /, ""), place) }),
	};
}
