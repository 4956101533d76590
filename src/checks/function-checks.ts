import { areOnDisk } from "../checkpoint/local-copy.ts";
import { type ModelOptions, partOf, towersIn } from "../checkpoint/model.ts";
import { ClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import { isHubReference } from "../hub/reference.ts";
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
	/** Copy weights that are on the Hub to a temporary folder and run them there. Default false. */
	readonly download?: boolean | undefined;
	/** Threads of ONNX Runtime. Default: its own, the physical cores. */
	readonly threads?: number | undefined;
}

export interface Computed {
	/** Undefined if there was no forward pass. */
	readonly features: Features | undefined;
	readonly results: readonly CheckResult[];
}

/**
 * Refuses to compare functions of models that cannot be run where they are, before anything is read.
 *
 * @throws {ClipSoupError} ERR_USAGE
 */
export function refuseRemoteComparison(
	{ path, checkpoints }: Subject,
	{ sameAs = [], download = false, forward = true }: FunctionOptions,
): void {
	if (sameAs.length === 0 || download || !forward) return;
	const remote = areOnDisk(checkpoints) ? sameAs.find(isHubReference) : path;
	if (remote === undefined) return;
	throw new ClipSoupError(
		"ERR_USAGE",
		`Cannot compare what "${remote}" computes: found it on the Hub, expected files that ONNX Runtime can open`,
		{ fix: "give --download, which copies the weights to a temporary folder" },
	);
}

/** CS011 and CS010: what the model computes. */
export async function functionChecks(
	{ path, checkpoints, model }: Subject,
	known: {
		readonly facts: FunctionFacts | undefined;
		readonly lock: Lock | undefined;
		readonly isSound: boolean;
	},
	options: FunctionOptions,
	hub: Hub,
	watch: Watch,
): Promise<Computed> {
	const { facts, lock, isSound } = known;
	const { sameAs = [], cosLimit: limit, threads } = options;
	const asked: readonly CheckId[] = sameAs.length > 0 ? ["CS011", "CS010"] : ["CS011"];
	const reason = reasonToSkip(options, { facts, isSound, checkpoints });
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
		results.push(
			await checkSameFunction(own, await openFeatured(other, options, hub, watch), { limit, threads }, watch),
		);
	}
	return { features: own.features, results };
}

function reasonToSkip(
	{ forward }: FunctionOptions,
	{
		facts,
		isSound,
		checkpoints,
	}: { readonly facts: FunctionFacts | undefined; readonly isSound: boolean } & Pick<Subject, "checkpoints">,
) {
	if (forward === false) return "--no-forward";
	if (!areOnDisk(checkpoints)) return "the weights are on the Hub: --download runs it";
	if (!isSound) return "a check before it failed: the features would mean nothing";
	return facts === undefined ? "there is no model to run" : undefined;
}

/** Opens a model, runs it, and closes it again. @throws {ClipSoupError} if it is no CLIP, or cannot be run */
async function openFeatured(path: string, options: FunctionOptions, hub: Hub, watch: Watch): Promise<FeaturedModel> {
	const { arch, archConfig, download } = options;
	await using opened = await openSubject(path, { arch, archConfig }, { hub, download, watch });
	const { model } = opened;
	if (model === undefined) throw opened.unread;
	const architecture = partOf(model, towersIn(model.tensors));
	const facts = { architecture, preprocess: model.knowledge.preprocess };
	// Awaited here: a promise that is returned outlives the files.
	return await featuredModel({ path, model, facts }, options, watch);
}

async function featuredModel(
	{ path, model, facts }: Pick<FeaturedModel, "path" | "model" | "facts">,
	{ tower, threads }: FunctionOptions,
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
	for (const each of towers) {
		features[each] = await referenceFeatures(model, facts.architecture, each, { threads }, watch);
	}
	const hasTemperature = [...model.tensors, ...model.carried].some(({ name }) => name === "logit_scale");
	return { path, model, facts, features, temperature: hasTemperature ? await readTemperature(model) : undefined };
}
