import { describeArchitecture } from "./architectures/describe.ts";
import { type ModelOptions, partOf, towersOf } from "./checkpoint/model.ts";
import { describeSources, type FunctionFacts } from "./checks/configuration.ts";
import type { Features } from "./checks/features.ts";
import { checkFeatures, goldenOf, readGolden } from "./checks/golden.ts";
import { checkIngredients } from "./checks/ingredients.ts";
import { checkLock } from "./checks/lock-checks.ts";
import { checkLockedFacts } from "./checks/lock-facts.ts";
import { planLockOutput, readLock, writeLock } from "./checks/lock-file.ts";
import { checkFinite } from "./checks/non-finite.ts";
import { readRecipe } from "./checks/recipe-file.ts";
import { type Recovery, recoverMixture } from "./checks/recover.ts";
import { checkSameFunction, type FeaturedModel } from "./checks/same-function.ts";
import { checkSignature } from "./checks/signature.ts";
import { checkSoup } from "./checks/soup.ts";
import { checkStructure, unreadableModel } from "./checks/structure.ts";
import { openSubject, type Subject } from "./checks/subject.ts";
import { type Census, takeCensus } from "./engine/census.ts";
import { finiteReport } from "./engine/census-finite.ts";
import { findNonFinite } from "./engine/finite-pass.ts";
import { ClipSoupError } from "./errors.ts";
import { partialArchitecture } from "./layouts/combine-facts.ts";
import type { Lock } from "./lock/schema.ts";
import { GRAPH_TOWERS, type GraphTower } from "./onnx/clip.ts";
import { readTemperature } from "./onnx/logits.ts";
import { referenceFeatures, type TowerFeatures } from "./onnx/reference-features.ts";
import type { Watch } from "./progress.ts";
import { type CheckId, type CheckResult, ranCheck, skippedCheck, type Verification } from "./verification.ts";

/** Options of `verify`; all have the defaults of the command line. */
export interface VerifyOptions extends ModelOptions {
	/** Ingredients that the model should be the average of. */
	readonly soupOf?: readonly string[] | undefined;
	/** Weights of the ingredients. Default: those of the soup's recipe, else uniform. */
	readonly weights?: readonly number[] | undefined;
	/** Whether the weights are divided by their sum. Default: as the recipe says, else true. */
	readonly normalize?: boolean | undefined;
	/** Tensors taken from one ingredient, by its number from 1. Default: those of the recipe, else none. */
	readonly keep?: ReadonlyMap<string, number> | undefined;
	/** Ingredients of which to find the mixture. */
	readonly recover?: readonly string[] | undefined;
	/** Models that should compute the same function. */
	readonly sameAs?: readonly string[] | undefined;
	/** A lock file to check against. */
	readonly lock?: string | undefined;
	/** A recipe (`soup.json`) to recompute by. Default: the one in the soup's metadata. */
	readonly recipe?: string | undefined;
	/** A lock file to write if every check passes; a lock that is there is replaced, any other file is not. */
	readonly writeLock?: string | undefined;
	/** An OpenSSF model signature of the model's folder, and the public key to check it with. */
	readonly signature?: string | undefined;
	readonly key?: string | undefined;
	/** Whether files that the signature does not name are all right. Default false. */
	readonly ignoreUnsigned?: boolean | undefined;
	/** Run the forward pass. Default true. */
	readonly forward?: boolean | undefined;
	/** Run the forward pass of one tower only. */
	readonly tower?: GraphTower | undefined;
	/** Largest `1 − cos` of features that should be the same. Default: by dtype, or the lock's. */
	readonly cosLimit?: number | undefined;
	/** Worker threads. Default: the processors, at most 2; the forward pass takes ONNX Runtime's own number. */
	readonly threads?: number | undefined;
}

/**
 * Checks a model, cheapest check first: its files, its configuration, its tensors, its numbers, its forward pass, and what
 * it is said to be.
 *
 * Findings are returned, not thrown; thrown is what keeps the checks from running.
 * @param path a `.safetensors` file, a shard index, a folder with either, or a folder with `vision/` and `text/`
 * @throws {ClipSoupError} with a stable `code`, see docs/errors.md; the signal's reason when aborted
 * @example
 * const { checks } = await verify("soup/", { soupOf: ["augreg/", "rewind/"] });
 * const failed = checks.filter(({ status }) => status === "failed");
 */
export async function verify(path: string, options: VerifyOptions = {}, watch: Watch = {}): Promise<Verification> {
	const start = performance.now();
	const lock = options.lock === undefined ? undefined : await readLock(options.lock);
	const output = options.writeLock === undefined ? undefined : await planLockOutput(options.writeLock);
	await using subject = await openSubject(path, options);
	const checks: CheckResult[] = [containerCheck(subject, secondsSince(start))];
	const { results, facts } = examineModel(subject, lock, options);
	checks.push(...results);
	const isSound = checks.every(({ status }) => status !== "failed");
	const { census, finite } = await readNumbers(subject, options, watch);
	checks.push(finite);
	if (lock !== undefined && census !== undefined) checks.push(...(await checkLock(subject, census, lock)));
	checks.push(...(await soupChecks(subject, options, watch)));
	const recovery = await recover(subject, options, watch);
	if (recovery !== undefined) checks.push(recovery.check);
	const blocked = isSound && finite.status !== "failed" ? undefined : "the model is not sound";
	const { features, results: computed } = await functionChecks(subject, { facts, lock, blocked }, options, watch);
	checks.push(...computed);
	checks.push(...(await signatureCheck(subject, options, watch)));
	const merged = mergeByCheck(checks);
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
		modelDigest: census?.modelDigest,
		canonicalDigest: census?.canonicalDigest?.all,
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

/** CS001 passes once headers and indexes are read: what is wrong with them is thrown. */
function containerCheck({ checkpoints }: Subject, seconds: number): CheckResult {
	const files = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.files.length, 0);
	const tensors = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.tensors.size, 0);
	const bytes = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.byteLength, 0);
	return ranCheck("CS001", seconds, { detail: `${files} weight files, ${tensors} tensors, ${bytes} bytes` });
}

interface Examination {
	readonly results: readonly CheckResult[];
	/** Undefined if the architecture is not known, so that there is no forward pass. */
	readonly facts: FunctionFacts | undefined;
}

/** CS012, CS003 and CS004: whether the files make up the model that their configuration, and the lock, tell of. */
function examineModel(subject: Subject, lock: Lock | undefined, options: VerifyOptions): Examination {
	const { model, unread } = subject;
	if (model === undefined) return { results: withoutModel(subject, unread, options), facts: undefined };
	const start = performance.now();
	const held = towersOf([...model.tensors, ...model.carried]);
	const architecture = options.forward === false ? partialArchitecture(model.knowledge, held) : partOf(model, held);
	if (architecture === undefined) {
		const reason = "no configuration tells the architecture";
		return { results: STRUCTURE.map((check) => skippedCheck(check, reason)), facts: undefined };
	}
	const facts = { architecture, preprocess: model.knowledge.preprocess };
	const configuration = ranCheck("CS012", secondsSince(start), { detail: describeSources(model) });
	const locked = lock === undefined ? [] : checkLockedFacts(facts, lock);
	return { results: [configuration, ...locked, ...checkStructure(model, architecture)], facts };
}

const STRUCTURE = ["CS012", "CS003", "CS004"] as const satisfies readonly CheckId[];

/** Files that are no CLIP can still be compared with a lock or with ingredients, tensor by tensor. */
function withoutModel(
	{ checkpoints }: Subject,
	unread: unknown,
	{ lock, writeLock, soupOf, recover, signature }: VerifyOptions,
): readonly CheckResult[] {
	const isClip = checkpoints.some(({ recognition }) => recognition !== undefined);
	const isAsked = [lock, writeLock, soupOf, recover, signature].some((option) => option !== undefined);
	if (isClip || !isAsked) return unreadableModel(unread);
	return STRUCTURE.map((check) => skippedCheck(check, "the tensors are those of no CLIP that is known"));
}

/** CS006, from the census if a lock needs one, else from a pass that looks for nothing but that. */
async function readNumbers(
	subject: Subject,
	{ lock, writeLock: output, threads }: VerifyOptions,
	watch: Watch,
): Promise<{ readonly census: Census | undefined; readonly finite: CheckResult }> {
	const start = performance.now();
	const needsCensus = lock !== undefined || output !== undefined;
	const census = needsCensus ? await takeCensus(subject, { threads, files: true }, watch) : undefined;
	const report = census ? finiteReport(census) : await findNonFinite(subject.checkpoints, { threads }, watch);
	return { census, finite: checkFinite(report, secondsSince(start)) };
}

/** CS009 and CS008: what the model is made of. */
async function soupChecks(subject: Subject, options: VerifyOptions, watch: Watch): Promise<CheckResult[]> {
	const { soupOf, weights, normalize, keep, threads } = options;
	if (soupOf === undefined) return [];
	const recipe = options.recipe === undefined ? undefined : await readRecipe(options.recipe);
	const ingredients = await openIngredients(soupOf, options);
	try {
		const claim = { weights, normalize, keep, recipe };
		const identity = await checkIngredients(subject, ingredients, claim, watch);
		return [identity, await checkSoup(subject, ingredients, { ...claim, threads }, watch)];
	} finally {
		await Promise.all(ingredients.map((ingredient) => ingredient[Symbol.asyncDispose]()));
	}
}

/** CS008 the other way round: not whether the model is a given mixture, but which one it is. */
async function recover(subject: Subject, options: VerifyOptions, watch: Watch): Promise<Recovery | undefined> {
	if (options.recover === undefined) return undefined;
	const ingredients = await openIngredients(options.recover, options);
	try {
		return await recoverMixture(subject, ingredients, { threads: options.threads }, watch);
	} finally {
		await Promise.all(ingredients.map((ingredient) => ingredient[Symbol.asyncDispose]()));
	}
}

/** Opens all of them, or none. */
async function openIngredients(paths: readonly string[], options: ModelOptions): Promise<Subject[]> {
	const opened: Subject[] = [];
	try {
		for (const path of paths)
			opened.push(await openSubject(path, { arch: options.arch, archConfig: options.archConfig }));
		return opened;
	} catch (error) {
		await Promise.all(opened.map((ingredient) => ingredient[Symbol.asyncDispose]()));
		throw error;
	}
}

/** CS013. */
async function signatureCheck(
	{ path }: Subject,
	{ signature, key, ignoreUnsigned }: VerifyOptions,
	watch: Watch,
): Promise<CheckResult[]> {
	if (signature === undefined && key === undefined) return [];
	if (signature === undefined || key === undefined) {
		throw new ClipSoupError("ERR_USAGE", "Cannot check a signature: expected --signature and --key together", {
			fix: "give the signature with --signature, and the signer's public key with --key",
		});
	}
	return [await checkSignature(path, { signature, key, ignoreUnsigned }, watch)];
}

interface Computed {
	/** Undefined if there was no forward pass. */
	readonly features: Features | undefined;
	readonly results: readonly CheckResult[];
}

/** CS011 and CS010: what the model computes. */
async function functionChecks(
	{ path, model }: Subject,
	known: {
		readonly facts: FunctionFacts | undefined;
		readonly lock: Lock | undefined;
		readonly blocked: string | undefined;
	},
	options: VerifyOptions,
	watch: Watch,
): Promise<Computed> {
	const { facts, lock, blocked } = known;
	const { sameAs = [], cosLimit: limit, threads } = options;
	const asked: readonly CheckId[] = sameAs.length > 0 ? ["CS011", "CS010"] : ["CS011"];
	const reason =
		options.forward === false ? "--no-forward" : (blocked ?? (facts ? undefined : "there is no model to run"));
	if (reason !== undefined || model === undefined || facts === undefined) {
		return { features: undefined, results: asked.map((check) => skippedCheck(check, reason ?? "")) };
	}
	const start = performance.now();
	const own = await featuredModel({ path, model, facts }, options, watch);
	const golden = lock?.golden && readGolden(lock.golden);
	const results = [await checkFeatures(own, golden, { limit, threads, seconds: secondsSince(start) }, watch)];
	for (const other of sameAs) {
		results.push(await checkSameFunction(own, await openFeatured(other, options, watch), { limit, threads }, watch));
	}
	return { features: own.features, results };
}

/** Opens a model, runs it, and closes it again. @throws {ClipSoupError} if it is no CLIP, or cannot be run */
async function openFeatured(path: string, options: VerifyOptions, watch: Watch): Promise<FeaturedModel> {
	await using opened = await openSubject(path, { arch: options.arch, archConfig: options.archConfig });
	const { model } = opened;
	if (model === undefined) throw opened.unread;
	const architecture = partOf(model, towersOf(model.tensors));
	const facts = { architecture, preprocess: model.knowledge.preprocess };
	return featuredModel({ path, model, facts }, options, watch);
}

async function featuredModel(
	{ path, model, facts }: Pick<FeaturedModel, "path" | "model" | "facts">,
	{ tower }: VerifyOptions,
	watch: Watch,
): Promise<FeaturedModel> {
	const held = towersOf(model.tensors);
	const towers = GRAPH_TOWERS.filter((one) => held.has(one) && (tower ?? one) === one);
	if (towers.length === 0) {
		throw new ClipSoupError(
			"ERR_NOTHING_TO_CHECK",
			`Cannot run "${path}": found no ${tower ?? "image or text"} tower`,
			{
				fix: "leave --tower out, or give a model that has it",
			},
		);
	}
	const features: Partial<Record<GraphTower, TowerFeatures>> = {};
	for (const each of towers) features[each] = await referenceFeatures(model, facts.architecture, each, {}, watch);
	const hasTemperature = [...model.tensors, ...model.carried].some(({ name }) => name === "logit_scale");
	return { path, model, facts, features, temperature: hasTemperature ? await readTemperature(model) : undefined };
}
