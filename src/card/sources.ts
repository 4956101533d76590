import type { Folder } from "../bytes/folder.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openModelFiles } from "../checkpoint/model.ts";
import { type ModelSummary, summariseModel } from "../checkpoint/model-summary.ts";
import { closeAll, locate } from "../checkpoint/open.ts";
import { weightFileLabel } from "../engine/census-tensors.ts";
import type { Hub } from "../hub/hub.ts";
import type { LayoutId } from "../layouts/detect.ts";
import { parseLock } from "../lock/parse.ts";
import type { Lock } from "../lock/schema.ts";
import { parseRecipe, RECIPE_METADATA, type Recipe } from "../recipe.ts";
import { verificationDocument } from "../reports/schema.ts";
import { CHECKS, type CheckId, type CheckResult, type Verification } from "../verification.ts";

const LOCK = "clip-soup.lock.json";
const RECIPE = "soup.json";
const VERIFICATION = "verify.json";

/** What a folder tells of the model in it. */
export interface CardSources {
	/** Base name of the folder. */
	readonly name: string;
	/** Library it loads in; undefined if its tensors are those of no CLIP. */
	readonly family: LayoutId | undefined;
	readonly model: ModelSummary | undefined;
	readonly tensorCount: number;
	readonly byteLength: number;
	/** Of the tensors: `F32`, or several with + between them. */
	readonly dtype: string;
	readonly recipe: Recipe | undefined;
	readonly lock: Lock | undefined;
	readonly verification: Verification | undefined;
	readonly notices: readonly string[];
}

/**
 * Reads headers, configuration, recipe, lock and verification; of the weights' bytes nothing.
 *
 * @param given a lock that is compared with the bytes, in place of the folder's; null for none
 */
export async function readSources(path: string, hub: Hub, given: Lock | null | undefined): Promise<CardSources> {
	const { folder, name } = await locate(path, hub);
	const checkpoints = await openModelFiles(path, undefined, hub);
	try {
		const { model, notices } = await summariseModel(path, checkpoints, {}, hub);
		const found = await readRecipeIn(folder, checkpoints);
		const lock = given === undefined ? matchingLock(await readLockIn(folder), checkpoints, found) : bare(given);
		const recipe = matchingRecipe(found, lock.value);
		const verification = await readVerificationIn(folder, lock.value);
		const tensors = checkpoints.flatMap((checkpoint) => [...checkpoint.tensors.values()]);
		return {
			name,
			family: familyOf(checkpoints),
			model,
			tensorCount: tensors.length,
			byteLength: checkpoints.reduce((sum, { byteLength }) => sum + byteLength, 0),
			dtype: [...new Set(tensors.map(({ dtype }) => dtype))].sort().join(" + "),
			recipe: recipe.value,
			lock: lock.value,
			verification: verification.value,
			notices: [...notices, ...lock.notices, ...recipe.notices, ...verification.notices],
		};
	} finally {
		await closeAll(checkpoints);
	}
}

/** The layout of all folders. Towers in folders of their own are transformers' form, which names an image tower as timm does. */
function familyOf(checkpoints: readonly Checkpoint[]): LayoutId | undefined {
	return checkpoints.length > 1 ? "hf" : checkpoints[0]?.layout;
}

/** The recipe in the weights' metadata goes before the file beside them, which may be another soup's. */
async function readRecipeIn(folder: Folder, checkpoints: readonly Checkpoint[]): Promise<Recipe | undefined> {
	const entry = checkpoints[0]?.metadata.get(RECIPE_METADATA);
	return parseRecipe(entry ?? (await folder.readSmall(RECIPE))?.toString("utf8") ?? "");
}

async function readLockIn(folder: Folder): Promise<Lock | undefined> {
	const bytes = await folder.readSmall(LOCK);
	return bytes && parseLock(bytes.toString("utf8"), folder.nameOf(LOCK));
}

/** Something read, if it is of this model, else a notice. */
interface Matched<Value> {
	readonly value: Value | undefined;
	readonly notices: readonly string[];
}

function bare<Value>(value: Value | null | undefined): Matched<Value> {
	return { value: value ?? undefined, notices: [] };
}

/** A lock left over from other weights would put their digests into the card: names and sizes tell without reading bytes. */
function matchingLock(
	lock: Lock | undefined,
	checkpoints: readonly Checkpoint[],
	recipe: Recipe | undefined,
): Matched<Lock> {
	if (lock === undefined) return bare<Lock>(undefined);
	const locked = new Map(lock.files.map(({ path, size }) => [path, size]));
	const labels = checkpoints.flatMap(({ files }, folder) =>
		files.map(({ source }, file) => [weightFileLabel(checkpoints, folder, file), source.byteLength] as const),
	);
	const isOfFiles = labels.length === locked.size && labels.every(([label, size]) => locked.get(label) === size);
	const isOfRecipe = recipe?.modelDigest === undefined || recipe.modelDigest === lock.modelDigest;
	if (isOfFiles && isOfRecipe) return bare(lock);
	return { value: undefined, notices: [`${LOCK} is of other weights than these and is left out: write it anew`] };
}

/** Weights that were changed after they were made keep the recipe in their metadata. */
function matchingRecipe(recipe: Recipe | undefined, lock: Lock | undefined): Matched<Recipe> {
	const isOther = recipe?.modelDigest !== undefined && lock !== undefined && recipe.modelDigest !== lock.modelDigest;
	if (!isOther) return bare(recipe);
	return {
		value: undefined,
		notices: ["the recipe is of other weights than these, by its model digest: it is left out"],
	};
}

/** A report of `verify`, if it came to an end and is of the weights that the lock tells of. */
async function readVerificationIn(folder: Folder, lock: Lock | undefined): Promise<Matched<Verification>> {
	const bytes = await folder.readSmall(VERIFICATION);
	if (bytes === undefined) return bare<Verification>(undefined);
	const { data } = verificationDocument.safeParse(parseJson(bytes.toString("utf8")));
	const leftOut = (reason: string) => ({ value: undefined, notices: [`${VERIFICATION} is left out: ${reason}`] });
	if (data === undefined) return leftOut("it is no report of verify");
	if (data.outcome === "error") return leftOut("it tells that verify could not finish");
	const { description, modelDigest, canonicalDigest, checks, ...result } = data.result;
	if (modelDigest === undefined) return leftOut("it names no weights; verify --report json=FILE writes one that does");
	if (lock === undefined) return leftOut("only a lock tells whether it is of these weights; verify --write-lock");
	if (modelDigest !== lock.modelDigest) return leftOut("it is of other weights than these");
	const known = checks.flatMap(({ check, ...rest }): CheckResult[] => (isCheckId(check) ? [{ check, ...rest }] : []));
	const failed = known.filter(({ status }) => status === "failed").map(({ check }) => check);
	return {
		value: { ...result, description, modelDigest, canonicalDigest, checks: known },
		notices:
			failed.length === 0 ? [] : [`${VERIFICATION} tells of failed checks, and so does the card: ${failed.join(", ")}`],
	};
}

function isCheckId(check: string): check is CheckId {
	return Object.hasOwn(CHECKS, check);
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
