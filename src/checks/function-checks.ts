import { type ModelOptions, partOf, towersIn } from "../checkpoint/model.ts";
import { ClipSoupError } from "../errors.ts";
import type { Lock } from "../lock/schema.ts";
import { GRAPH_TOWERS, type GraphTower } from "../onnx/clip.ts";
import { readTemperature } from "../onnx/logits.ts";
import { referenceFeatures, type TowerFeatures } from "../onnx/reference-features.ts";
import type { Watch } from "../progress.ts";
import { type CheckId, type CheckResult, skippedCheck } from "../verification.ts";
import type { FunctionFacts } from "./configuration.ts";
import type { Features } from "./features.ts";
import { checkFeatures, readGolden } from "./golden.ts";
import { checkSameFunction, type FeaturedModel } from "./same-function.ts";
import { openSubject, type Subject } from "./subject.ts";

/** What is asked of the forward pass. */
export interface FunctionOptions extends ModelOptions {
	/** Models that should compute the same function. */
	readonly sameAs?: readonly string[] | undefined;
	/** Run the forward pass. Default true. */
	readonly forward?: boolean | undefined;
	/** Run the forward pass of one tower only. */
	readonly tower?: GraphTower | undefined;
	/** Largest `1 − cos` of features that should be the same. Default: by dtype, or the lock's. */
	readonly cosLimit?: number | undefined;
	/** Threads of ONNX Runtime. Default: its own, the physical cores. */
	readonly threads?: number | undefined;
}

export interface Computed {
	/** Undefined if there was no forward pass. */
	readonly features: Features | undefined;
	readonly results: readonly CheckResult[];
}

/** CS011 and CS010: what the model computes. */
export async function functionChecks(
	{ path, model }: Subject,
	known: {
		readonly facts: FunctionFacts | undefined;
		readonly lock: Lock | undefined;
		readonly isSound: boolean;
	},
	options: FunctionOptions,
	watch: Watch,
): Promise<Computed> {
	const { facts, lock, isSound } = known;
	const { sameAs = [], cosLimit: limit, threads } = options;
	const asked: readonly CheckId[] = sameAs.length > 0 ? ["CS011", "CS010"] : ["CS011"];
	const reason = reasonToSkip(options, facts, isSound);
	if (reason !== undefined || model === undefined || facts === undefined) {
		return { features: undefined, results: asked.map((check) => skippedCheck(check, reason ?? "")) };
	}
	const start = performance.now();
	const own = await featuredModel({ path, model, facts }, options, watch);
	const golden = lock?.golden && readGolden(lock.golden);
	const results = [
		await checkFeatures(own, golden, { limit, threads, seconds: (performance.now() - start) / 1000 }, watch),
	];
	for (const other of sameAs) {
		results.push(await checkSameFunction(own, await openFeatured(other, options, watch), { limit, threads }, watch));
	}
	return { features: own.features, results };
}

function reasonToSkip({ forward }: FunctionOptions, facts: FunctionFacts | undefined, isSound: boolean) {
	if (forward === false) return "--no-forward";
	if (!isSound) return "a check before it failed: the features would mean nothing";
	return facts === undefined ? "there is no model to run" : undefined;
}

/** Opens a model, runs it, and closes it again. @throws {ClipSoupError} if it is no CLIP, or cannot be run */
async function openFeatured(path: string, options: FunctionOptions, watch: Watch): Promise<FeaturedModel> {
	await using opened = await openSubject(path, { arch: options.arch, archConfig: options.archConfig });
	const { model } = opened;
	if (model === undefined) throw opened.unread;
	const architecture = partOf(model, towersIn(model.tensors));
	const facts = { architecture, preprocess: model.knowledge.preprocess };
	return await featuredModel({ path, model, facts }, options, watch);
}

async function featuredModel(
	{ path, model, facts }: Pick<FeaturedModel, "path" | "model" | "facts">,
	{ tower }: FunctionOptions,
	watch: Watch,
): Promise<FeaturedModel> {
	const held = towersIn(model.tensors);
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
