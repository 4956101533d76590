import { type ClipSoupError, type ErrorCode, FaultsError } from "../errors.ts";
import { counted } from "../reports/plain-text.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { fileWithin, shortPaths } from "./short-paths.ts";
import type { Subject } from "./subject.ts";

/** CS001 passes once headers and indexes are read: what is wrong with them is thrown. */
export function containerCheck({ checkpoints }: Pick<Subject, "checkpoints">, seconds: number): CheckResult {
	const files = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.files.length, 0);
	const tensors = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.tensors.size, 0);
	const bytes = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.byteLength, 0);
	const parts = [counted(files, "weight file"), counted(tensors, "tensor"), counted(bytes, "byte")];
	return ranCheck("CS001", seconds, { detail: parts.join(", ") });
}

/** What can be wrong with a weight file or an index of shards as a file. */
const CONTAINER_CODES: ReadonlySet<ErrorCode> = new Set([
	"ERR_FOREIGN_FORMAT",
	"ERR_HEADER_TOO_SMALL",
	"ERR_HEADER_TOO_LARGE",
	"ERR_HEADER_LENGTH",
	"ERR_HEADER_ENCODING",
	"ERR_HEADER_JSON",
	"ERR_HEADER_DUPLICATE",
	"ERR_HEADER_METADATA",
	"ERR_TENSOR_ENTRY",
	"ERR_TENSOR_DTYPE",
	"ERR_TENSOR_OFFSETS",
	"ERR_TENSOR_SIZE",
	"ERR_FILE_TRUNCATED",
	"ERR_FILE_TRAILING_BYTES",
	"ERR_INDEX_INVALID",
	"ERR_INDEX_UNSAFE_PATH",
	"ERR_INDEX_MISMATCH",
]);

/**
 * CS001 of files that cannot be read: a malformed file ends the run with an error, and is a finding for those who look at
 * checks only. Nothing if the error is about something else.
 *
 * @param path what was given to be verified
 */
export function containerFailure(error: ClipSoupError, path: string): readonly CheckResult[] {
	const faults = error instanceof FaultsError ? error.faults : [error];
	const findings = faults.filter(isOfContainer).map(
		({ message, details: { file, tensor } }): Finding => ({
			level: "error",
			message: shortPaths(message, { path, checkpoints: [] }),
			...(typeof file === "string" && { file: fileWithin(path, file) }),
			...(typeof tensor === "string" && { tensor }),
		}),
	);
	return findings.length > 0 ? [ranCheck("CS001", 0, { detail: "the files cannot be read", findings })] : [];
}

/** A shard that is not there is told like any other file. */
function isOfContainer({ code, details: { path } }: ClipSoupError): boolean {
	const isMissingWeights = code === "ERR_INPUT_NOT_FOUND" && String(path).endsWith(".safetensors");
	return isMissingWeights || CONTAINER_CODES.has(code);
}
