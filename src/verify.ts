import { describeArchitecture } from "./architectures/describe.ts";
import { partOf, towersIn } from "./checkpoint/model.ts";
import { refuseStrayOptions, requireAnswers } from "./checks/asked.ts";
import { describeSources, type FunctionFacts, loadingFindings } from "./checks/configuration.ts";
import { containerCheck } from "./checks/container.ts";
import { type FunctionOptions, functionChecks, refuseRemoteComparison } from "./checks/function-checks.ts";
import { goldenOf } from "./checks/golden.ts";
import { ListedFiles } from "./checks/listed-files.ts";
import { checkLock } from "./checks/lock-checks.ts";
import { checkLockedFacts } from "./checks/lock-facts.ts";
import { planLockOutput, readLock, writeLock } from "./checks/lock-file.ts";
import { refuseOtherRepository } from "./checks/lock-repository.ts";
import { checkFinite } from "./checks/non-finite.ts";
import { checkSignature } from "./checks/signature.ts";
import { type SoupOptions, soupChecks } from "./checks/soup-checks.ts";
import { checkStructure, unreadableModel } from "./checks/structure.ts";
import { openSubject, type Subject } from "./checks/subject.ts";
import { type Census, takeCensus } from "./engine/census.ts";
import { finiteReport } from "./engine/census-finite.ts";
import { type FiniteReport, findNonFinite } from "./engine/finite-pass.ts";
import { identifyWeights } from "./engine/identify.ts";
import { Hub } from "./hub/hub.ts";
import { refuseHub } from "./hub/refuse.ts";
import { partialArchitecture } from "./layouts/combine-facts.ts";
import type { Watch } from "./progress.ts";
import { type CheckId, type CheckResult, ranCheck, skippedCheck, type Verification } from "./verification.ts";

/** Options of `verify`; all have the defaults of the command line. */
export interface VerifyOptions extends SoupOptions, FunctionOptions {
	/** A lock file to check against. */
	readonly lock?: string | undefined;
	/** A lock file to write if every check passes; a lock that is there is replaced, any other file is not. */
	readonly writeLock?: string | undefined;
	/** Digest the model also where no lock needs it, so that the result tells which weights it is of. Default false. */
	readonly digests?: boolean | undefined;
	/** Check a repository on the Hub against the lock of another one. Default false. */
	readonly anyRepo?: boolean | undefined;
	/** An OpenSSF model signature of the model's folder, and the public key to check it with. */
	readonly signature?: string | undefined;
	readonly key?: string | undefined;
	/** Whether files that the signature does not name are all right. Default false. */
	readonly ignoreUnsigned?: boolean | undefined;
}

/**
 * Checks a model, cheapest check first: its files, its configuration, its tensors, its numbers, its forward pass, and what
 * it is said to be.
 *
 * Findings are returned, not thrown; thrown is what keeps the checks from running.
 * @param path a `.safetensors` file, a shard index, a folder with either, or a folder with `vision/` and `text/`; on the
 *   Hub as `hf:org/name[@revision][:path]`, which streams and stores nothing
 * @throws {ClipSoupError} with a stable `code`, see docs/errors.md; the signal's reason when aborted
 * @example
 * const { checks } = await verify("soup/", { soupOf: ["augreg/", "rewind/"] });
 * const failed = checks.filter(({ status }) => status === "failed");
 */
export async function verify(path: string, options: VerifyOptions = {}, watch: Watch = {}): Promise<Verification> {
	refuseStrayOptions(options);
	const start = performance.now();
	if (options.signature !== undefined)
		refuseHub(path, "check the signature of", "signature covers every file of a folder");
	const hub = new Hub(watch);
	const lock = options.lock === undefined ? undefined : await readLock(options.lock, hub);
	const output = options.writeLock === undefined ? undefined : await planLockOutput(options.writeLock);
	const { download = false, forward = true } = options;
	await using subject = await openSubject(path, options, { hub, download: download && forward, watch });
	refuseRemoteComparison(subject, options);
	if (lock !== undefined && !options.anyRepo) refuseOtherRepository(subject, lock);
	const checks: CheckResult[] = [containerCheck(subject, secondsSince(start))];
	const { results, facts } = await examineModel(subject, options);
	const listed = new ListedFiles();
	const reading = listed.watched(watch);
	const { census, modelDigest, finite } = await readNumbers(subject, options, reading);
	checks.push(...results, finite);
	const isSound = checks.every(({ status }) => status !== "failed");
	if (lock !== undefined && facts !== undefined) checks.push(...checkLockedFacts(facts, lock));
	if (lock !== undefined && census !== undefined) checks.push(...(await checkLock(subject, census, lock)));
	checks.push(...(await soupChecks(subject, options, hub, reading)), ...listed.results());
	const known = { facts, lock, isSound };
	const { features, results: computed } = await functionChecks(subject, known, options, hub, watch);
	checks.push(...computed, ...(await signatureCheck(subject, options, watch)));
	const merged = mergeByCheck(checks);
	requireAnswers(path, merged, options);
	const notices = [...(subject.model?.notices ?? subject.checkpoints.flatMap((checkpoint) => checkpoint.notices))];
	if (output !== undefined && census !== undefined) {
		const isProved = merged.every(({ status }) => status !== "failed");
		if (isProved) await writeLock(output, { subject, census, golden: await goldenOf(features) }, watch.signal);
		notices.push(isProved ? `the lock is in "${options.writeLock}"` : "no lock is written: a check failed");
	}
	return {
		path,
		description: facts && describeArchitecture(facts.architecture),
		checks: merged,
		modelDigest,
		canonicalDigest: census?.canonicalDigest?.all,
		origins: hub.origins,
		notices,
	};
}

/** One result a check, in the order in which they ran first; but CS010 has one for each model that was compared. */
function mergeByCheck(results: readonly CheckResult[]): CheckResult[] {
	const merged: CheckResult[] = [];
	for (const result of results) {
		const at = result.check === "CS010" ? -1 : merged.findIndex(({ check }) => check === result.check);
		const before = merged[at];
		if (before === undefined) merged.push(result);
		else merged[at] = joinResults(before, result);
	}
	return merged;
}

function joinResults(a: CheckResult, b: CheckResult): CheckResult {
	if (a.status === "skipped") return b;
	if (b.status === "skipped") return a;
	return {
		check: a.check,
		status: a.status === "failed" || b.status === "failed" ? "failed" : "passed",
		detail: `${a.detail}; ${b.detail}`,
		findings: [...a.findings, ...b.findings],
		seconds: a.seconds + b.seconds,
	};
}

function secondsSince(start: number): number {
	return (performance.now() - start) / 1000;
}

interface Examination {
	readonly results: readonly CheckResult[];
	/** Undefined if the architecture is not known, so that there is no forward pass. */
	readonly facts: FunctionFacts | undefined;
}

/** CS012, CS003 and CS004: whether the files make up the model that their configuration tells of. */
async function examineModel(subject: Subject, options: VerifyOptions): Promise<Examination> {
	const { model } = subject;
	if (model === undefined) return { results: withoutModel(subject, options), facts: undefined };
	const start = performance.now();
	const held = towersIn([...model.tensors, ...model.carried]);
	const architecture = options.forward === false ? partialArchitecture(model.knowledge, held) : partOf(model, held);
	if (architecture === undefined) {
		const reason = "no configuration tells the architecture";
		return { results: STRUCTURE.map((check) => skippedCheck(check, reason)), facts: undefined };
	}
	const facts = { architecture, preprocess: model.knowledge.preprocess };
	const findings = loadingFindings(model);
	const configuration = ranCheck("CS012", secondsSince(start), { detail: describeSources(model), findings });
	return { results: [configuration, ...(await checkStructure(model, architecture))], facts };
}

const STRUCTURE = ["CS012", "CS003", "CS004"] as const satisfies readonly CheckId[];

/** Files that are no CLIP can still be compared with a lock or with ingredients, tensor by tensor. */
function withoutModel(
	subject: Subject,
	{ lock, writeLock, soupOf, recover, signature }: VerifyOptions,
): readonly CheckResult[] {
	const { checkpoints } = subject;
	if (checkpoints.every(({ tensors }) => tensors.size === 0)) {
		return STRUCTURE.map((check) => skippedCheck(check, "there are no tensors"));
	}
	const isClip = checkpoints.some(({ recognition }) => recognition !== undefined);
	const isAsked = [lock, writeLock, soupOf, recover, signature].some((option) => option !== undefined);
	if (isClip || !isAsked) return unreadableModel(subject);
	return STRUCTURE.map((check) => skippedCheck(check, "the tensors are those of no CLIP that is known"));
}

interface Numbers {
	/** Undefined without a lock. */
	readonly census: Census | undefined;
	readonly modelDigest: string | undefined;
	readonly finite: CheckResult;
}

/** CS006, from the census if a lock needs one, else from the pass that reads least of what is asked. */
async function readNumbers(
	subject: Subject,
	{ lock, writeLock: output, digests = false, threads }: VerifyOptions,
	watch: Watch,
): Promise<Numbers> {
	const start = performance.now();
	const told = (report: FiniteReport) => checkFinite(report, secondsSince(start));
	if (lock !== undefined || output !== undefined) {
		const census = await takeCensus(subject, { threads, files: true }, watch);
		return { census, modelDigest: census.modelDigest, finite: told(finiteReport(census)) };
	}
	if (digests) {
		const { modelDigest, finite } = await identifyWeights(subject, { threads }, watch);
		return { census: undefined, modelDigest, finite: told(finite) };
	}
	const finite = told(await findNonFinite(subject.checkpoints, { threads }, watch));
	return { census: undefined, modelDigest: undefined, finite };
}

/** CS013. */
async function signatureCheck(
	{ path }: Subject,
	{ signature, key, ignoreUnsigned }: VerifyOptions,
	watch: Watch,
): Promise<CheckResult[]> {
	if (signature === undefined || key === undefined) return [];
	return [await checkSignature(path, { signature, key, ignoreUnsigned }, watch)];
}
