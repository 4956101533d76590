import { describeArchitecture } from "../architectures/describe.ts";
import type { Census } from "../engine/census.ts";
import { isClipSoupError } from "../errors.ts";
import type { Lock } from "../lock/schema.ts";
import { type CheckResult, type Finding, ranCheck, skippedCheck } from "../verification.ts";
import { compareWithLock, hexOf, type LockComparison } from "./lock-comparison.ts";
import { checkDigests } from "./lock-digests.ts";
import { checkFiles } from "./lock-files.ts";
import { checkNames } from "./lock-names.ts";
import { checkShapes } from "./lock-shapes.ts";
import { checkStatistics } from "./lock-statistics.ts";
import type { Subject } from "./subject.ts";

/** Below this share of tensors that are equal, a lock with other names or another architecture is of another model. */
const SAME_MODEL_SHARE = 0.1;

/**
 * CS002 files, CS003 names, CS004 dtypes and shapes, CS005 digests and CS007 statistics, all against a lock.
 *
 * The subject may have another layout, other shards and other metadata than the model that was locked. Only where
 * digests differ are bytes read again: at most ten tensors of at most 64 MB, to say what happened to them.
 *
 * @param census taken with `files`, or CS002 is skipped
 */
export async function checkLock(subject: Subject, census: Census, lock: Lock): Promise<readonly CheckResult[]> {
	const comparison = compareWithLock(subject, census, lock);
	const stranger = strangerFinding(subject, lock, comparison);
	if (stranger !== undefined) return strangerResults(stranger);
	return [
		await timed(() => checkFiles(subject, census, lock)),
		await timed(() => checkNames(subject, comparison)),
		await timed(() => checkShapes(comparison)),
		await timed(() => checkDigests(subject, census, lock, comparison)),
		await timed(() => checkStatistics(comparison, lock)),
	];
}

async function timed(check: () => CheckResult | Promise<CheckResult>): Promise<CheckResult> {
	const start = performance.now();
	const result = await check();
	return { ...result, seconds: (performance.now() - start) / 1000 };
}

/** One finding in place of one for each tensor, if the lock is of another model or the subject of none. */
function strangerFinding(subject: Subject, lock: Lock, comparison: LockComparison): Finding | undefined {
	const { common, missing, extra, isOtherArchitecture } = comparison;
	const equal = common.filter(({ locked, found }) => hexOf(locked) === found.sha256).length;
	const hasOtherNames = common.length < (common.length + missing.length) * SAME_MODEL_SHARE && extra.length > 0;
	const isOther = isOtherArchitecture || hasOtherNames;
	if (!isOther || equal >= (common.length + missing.length) * SAME_MODEL_SHARE) return undefined;
	const { model, unread } = subject;
	const architecture = model?.knowledge.architecture;
	const found = architecture ? describeArchitecture(architecture) : `${common.length + extra.length} tensors`;
	const expected = lock.model.arch ?? `${lock.tensors.length} tensors`;
	if (model === undefined && lock.canonicalDigest !== undefined) {
		const reason = isClipSoupError(unread) ? unread.message : "no reason is known";
		return { level: "error", message: `The files cannot be read as the CLIP of the lock: ${reason}`, expected, found };
	}
	return {
		level: "error",
		message: `The lock is of another model: found ${found}, expected ${expected}`,
		expected,
		found,
		cause: "a lock of another model",
	};
}

function strangerResults(finding: Finding): readonly CheckResult[] {
	const reason = "the lock is of another model";
	return [
		skippedCheck("CS002", reason),
		ranCheck("CS003", 0, { detail: "the model as a whole", findings: [finding] }),
		...(["CS004", "CS005", "CS007"] as const).map((check) => skippedCheck(check, reason)),
	];
}
