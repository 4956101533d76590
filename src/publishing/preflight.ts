import { join } from "node:path";
import { towersIn } from "../checkpoint/model.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { checkLock } from "../checks/lock-checks.ts";
import { checkLockedFacts } from "../checks/lock-facts.ts";
import { checkFinite } from "../checks/non-finite.ts";
import { checkStructure, unreadableModel } from "../checks/structure.ts";
import type { Subject } from "../checks/subject.ts";
import { takeCensus } from "../engine/census.ts";
import { finiteReport } from "../engine/census-finite.ts";
import { weightFileLabel } from "../engine/census-tensors.ts";
import { findNonFinite } from "../engine/finite-pass.ts";
import { ClipSoupError, type ErrorCode, throwFaults } from "../errors.ts";
import { partialArchitecture } from "../layouts/combine-facts.ts";
import type { Lock } from "../lock/schema.ts";
import type { Watch } from "../progress.ts";
import type { CheckResult } from "../verification.ts";
import type { OutgoingFile } from "./local-file.ts";
import { secretFaults } from "./secrets.ts";

/** What was found to be in order. */
export interface Preflight {
	readonly checks: readonly CheckResult[];
	/** Undefined where no lock was compared. */
	readonly modelDigest: string | undefined;
	readonly notices: readonly string[];
}

/**
 * Checks the weights that are to be published: structure and configuration, numbers, and every byte against the lock.
 *
 * @param lock undefined if the user does without
 * @throws {ClipSoupError} ERR_NON_FINITE, ERR_CHECK_FAILED, ERR_LOCK_MISMATCH, ERR_SECRET for one in a header's metadata
 */
export async function preflight(
	subject: Subject,
	{ files, lock }: { readonly files: readonly OutgoingFile[]; readonly lock: Lock | undefined },
	watch: Watch,
): Promise<Preflight> {
	throwFaults(`Cannot publish "${subject.path}"`, metadataFaults(subject));
	const own = await structureChecks(subject);
	const census = lock === undefined ? undefined : await takeCensus(subject, {}, watch);
	const numbers = checkFinite(census ? finiteReport(census) : await findNonFinite(subject.checkpoints, {}, watch), 0);
	const others = uncovered(subject, files);
	for (const file of others) await refuseNonFinite(file, watch);
	const locked =
		lock === undefined || census === undefined
			? []
			: [
					...lockedFacts(subject, lock),
					...(await checkLock(subject, { ...census, files: censusFiles(subject, files) }, lock)),
				];
	throwFaults(`Cannot publish "${subject.path}"`, [
		...faultsOf(own, "ERR_CHECK_FAILED"),
		...faultsOf([numbers], "ERR_NON_FINITE"),
		...faultsOf(locked, "ERR_LOCK_MISMATCH"),
	]);
	const beside = others.map(({ path }) => `"${path}" is published too; it was looked at for NaN and Inf only`);
	const warnings = [...own, ...locked].flatMap(({ findings }) => findings.map(({ message }) => message));
	return {
		checks: [...own, numbers, ...locked],
		modelDigest: census?.modelDigest,
		notices: [...beside, ...warnings],
	};
}

function metadataFaults({ checkpoints }: Subject): ClipSoupError[] {
	return checkpoints.flatMap(({ path, metadata }) => secretFaults(path, [...metadata.values()].join("\n")));
}

/** CS003, CS004 and CS012, as far as configurations tell. */
async function structureChecks(subject: Subject): Promise<readonly CheckResult[]> {
	const { model, checkpoints } = subject;
	const isClip = checkpoints.some(({ recognition }) => recognition !== undefined);
	if (model === undefined) return isClip ? unreadableModel(subject) : [];
	const architecture = partialArchitecture(model.knowledge, towersIn([...model.tensors, ...model.carried]));
	return architecture === undefined ? [] : checkStructure(model, architecture);
}

function lockedFacts({ model }: Subject, lock: Lock): readonly CheckResult[] {
	if (model === undefined) return [];
	const architecture = partialArchitecture(model.knowledge, towersIn([...model.tensors, ...model.carried]));
	return architecture === undefined
		? []
		: checkLockedFacts({ architecture, preprocess: model.knowledge.preprocess }, lock);
}

/** Weight files besides those of the model that was opened, such as those of another layout. */
function uncovered({ checkpoints }: Subject, files: readonly OutgoingFile[]): readonly OutgoingFile[] {
	const opened = new Set(checkpoints.flatMap((checkpoint) => checkpoint.files.map(({ source }) => source.file?.path)));
	return files.filter(
		({ path, source }) => path.endsWith(".safetensors") && typeof source === "string" && !opened.has(source),
	);
}

async function refuseNonFinite({ path, source }: OutgoingFile, watch: Watch): Promise<void> {
	if (typeof source !== "string") return;
	await using checkpoint = await openCheckpoint(source);
	throwFaults(`Cannot publish "${path}"`, [
		...secretFaults(path, [...checkpoint.metadata.values()].join("\n")),
		...faultsOf([checkFinite(await findNonFinite([checkpoint], {}, watch), 0)], "ERR_NON_FINITE"),
	]);
}

/** The weight files as a census names them, with the digests that the upload goes by. */
function censusFiles({ checkpoints, path: folder }: Subject, files: readonly OutgoingFile[]) {
	return checkpoints.flatMap((checkpoint, number) =>
		checkpoint.files.flatMap(({ source }, file) => {
			const found = files.find(({ path }) => join(folder, path) === source.file?.path);
			const path = weightFileLabel(checkpoints, number, file);
			return found === undefined ? [] : [{ path, size: found.byteLength, sha256: found.sha256, isListed: false }];
		}),
	);
}

const FIXES: Partial<Record<ErrorCode, string>> = {
	ERR_CHECK_FAILED: "correct the weights or their configuration; clip-soup verify tells more",
	ERR_NON_FINITE: "do not publish it: find out where NaN or Inf came in",
	ERR_LOCK_MISMATCH: "find out which of the two is right; verify --write-lock writes the lock anew",
};

function faultsOf(results: readonly CheckResult[], code: ErrorCode): ClipSoupError[] {
	const errors = results.flatMap(({ check, findings }) =>
		findings.filter(({ level }) => level === "error").map((finding) => ({ check, finding })),
	);
	const fix = FIXES[code];
	return errors.map(({ check, finding }) => {
		const message = `Cannot publish: ${finding.message} (${check})`;
		return new ClipSoupError(code, message, { ...(fix !== undefined && { fix }), details: { check, ...finding } });
	});
}
