import { isDeepStrictEqual } from "node:util";
import type { Architecture, PartialArchitecture } from "../architectures/architecture.ts";
import { matchingPresets } from "../architectures/index.ts";
import { inferArchitecture, inferImage } from "../architectures/infer.ts";
import { shapesOf } from "../architectures/shapes.ts";
import { ClipSoupError, faultsIn, isClipSoupError, throwFaults } from "../errors.ts";
import { Hub } from "../hub/hub.ts";
import type { CanonicalTensor, StoredName } from "../layouts/assemble.ts";
import { canonicalInventory, type Tower, towerOf } from "../layouts/canonical.ts";
import { canonicalFaults } from "../layouts/canonical-faults.ts";
import { type CarriedTensor, carriedFacts, carriedTensors } from "../layouts/carried.ts";
import type { ReadingOptions } from "../layouts/classify.ts";
import {
	architectureOfForms,
	combineFacts,
	type Knowledge,
	partialArchitecture,
	requireArchitecture,
	requireTowers,
} from "../layouts/combine-facts.ts";
import type { FactSource } from "../layouts/facts.ts";
import { tensorFacts, USUAL_FORMS } from "../layouts/known-facts.ts";
import { type Reading, readLayouts, type StoredFolder } from "../layouts/read.ts";
import { storedForms } from "../layouts/stored-forms.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type ConfigFacts, readConfigs } from "./configs.ts";
import { givenName, locate, openCheckpoints } from "./open.ts";
import { type ToldOptions, toldArchitecture, toldByUser } from "./told.ts";

/** What the user says of a model besides its files. */
export interface ModelOptions extends ToldOptions {
	/** Folder or file of the text tower, where the model's own has none. */
	readonly text?: string | undefined;
	/** Logarithm of the temperature, where no file holds it. */
	readonly logitScale?: number | undefined;
	/** Stored names to leave out. */
	readonly drop?: readonly string[] | undefined;
}

/** A CLIP in whatever layout and however many folders, as canonical tensors. */
export interface ClipModel {
	/** What the user gave. */
	readonly path: string;
	readonly name: string;
	readonly checkpoints: readonly Checkpoint[];
	readonly reading: Reading;
	/** Canonical tensors of the files; their sources name checkpoints by number. */
	readonly tensors: readonly CanonicalTensor[];
	/** Canonical tensors from the metadata or from the user, which no file holds. */
	readonly carried: readonly CarriedTensor[];
	readonly knowledge: Knowledge;
	readonly modelConfig: Readonly<Record<string, unknown>> | undefined;
	readonly notices: readonly string[];
}

/** Folders of the Hugging Face form of a model whose image tower transformers has no class for. */
const PAIR = ["vision", "text"] as const;

/**
 * Opens the checkpoints that make up a model: a file or folder, a folder with `vision/` and `text/`, and what `--text`
 * names, of a pair its `text/`.
 */
export async function openModelFiles(path: string, text?: string, hub: Hub = new Hub()): Promise<Checkpoint[]> {
	const paths = (await pairIn(path, hub)) ?? [path];
	if (text === undefined) return openCheckpoints(paths, hub);
	const [, textOfPair] = (await pairIn(text, hub)) ?? [];
	return openCheckpoints([...paths, textOfPair ?? text], hub);
}

/** The two folders of a pair; undefined if a path is none. */
async function pairIn(path: string, hub: Hub): Promise<readonly string[] | undefined> {
	const { folder, file } = await locate(path, hub);
	const names = file === undefined ? await folder.list() : [];
	const isPair = PAIR.every((name) => names.includes(name)) && !names.some((name) => name.endsWith(".safetensors"));
	return isPair ? PAIR.map((name) => folder.nameOf(name)) : undefined;
}

/**
 * Reads checkpoints as one model: what each tensor is, and what is known of the architecture and from where.
 *
 * @throws {ClipSoupError} all faults of names, shapes and configurations
 */
export async function readModel(
	path: string,
	checkpoints: readonly Checkpoint[],
	options: ModelOptions = {},
	hub: Hub = new Hub(),
): Promise<ClipModel> {
	return readModelWith(path, checkpoints, options, await toldByUser(options, hub));
}

/** As `readModel`, with what the user says read already. */
export async function readModelWith(
	path: string,
	checkpoints: readonly Checkpoint[],
	options: ModelOptions,
	user: ConfigFacts,
): Promise<ClipModel> {
	if (options.text !== undefined) refuseSecondText(path, checkpoints.slice(0, -1));
	const configs = (await Promise.all(checkpoints.map(readAllTold))).map((config, index) =>
		options.text !== undefined && index === checkpoints.length - 1 ? ofTextTower(config) : config,
	);
	const told = [...configs, user].flatMap(({ sources }) => sources);
	const carried = carriedByAll(checkpoints, options);
	const folders = storedFolders(checkpoints, options, carried);
	const { reading, knowledge } = readWith(folders, told, new Set(options.drop));
	throwFaults(`Cannot read "${path}"`, reading.faults);
	const found = new Set(reading.tensors.map(({ name }) => name));
	if (options.logitScale !== undefined) refuseSecondTemperature(path, [...found, ...carried.map(({ name }) => name)]);
	return {
		path,
		name: givenName(path),
		checkpoints,
		reading,
		tensors: reading.tensors,
		carried: [...carried, ...logitScale(options.logitScale)].filter(({ name }) => !found.has(name)),
		knowledge,
		modelConfig: [...configs, user].find(({ modelConfig }) => modelConfig !== undefined)?.modelConfig,
		notices: [
			...checkpoints.flatMap(({ notices }) => notices),
			...[...configs, user].flatMap(({ notices }) => notices),
			...folders.flatMap((folder, index) => readingNotices(folder, index, reading)),
		],
	};
}

/** What a checkpoint says of its model besides the tensors: in its configuration, and in its metadata. */
async function readAllTold(checkpoint: Checkpoint): Promise<ConfigFacts> {
	const config = await readConfigs(checkpoint);
	const facts = carriedFacts(checkpoint.metadata).map((fact) => [fact, true] as const);
	if (facts.length === 0) return config;
	const carried = { name: `the metadata of ${checkpoint.path}`, facts: new Map(facts), isDefault: false };
	return { ...config, sources: [...config.sources, carried] };
}

/**
 * The checkpoints as they are to be read: of one that was given for its text tower no more than that is taken, and the
 * temperature if it is told nowhere else.
 */
function storedFolders(
	checkpoints: readonly Checkpoint[],
	{ text, logitScale: told }: ModelOptions,
	carried: readonly CarriedTensor[],
): StoredFolder[] {
	const own = text === undefined ? checkpoints : checkpoints.slice(0, -1);
	const isTold =
		told !== undefined ||
		carried.some(({ name }) => name === TEMPERATURE) ||
		own.some(({ tensors }) => [...tensors.keys()].some((name) => name.endsWith(TEMPERATURE)));
	const towers = new Set<Tower>(isTold ? ["text"] : ["text", "joint"]);
	return checkpoints.map(({ path, tensors, recognition }, index) => ({
		label: path,
		tensors: [...tensors.values()],
		recognition,
		...(index >= own.length && { towers }),
	}));
}

/** What a configuration tells of a model of which no more than the text tower is taken. */
function ofTextTower(config: ConfigFacts): ConfigFacts {
	const isOfImage = (path: string) => path.startsWith("vision.") || path.startsWith("preprocess.");
	const sources = config.sources.map((source) => ({
		...source,
		facts: new Map([...source.facts].filter(([path]) => !isOfImage(path))),
	}));
	return { ...config, sources };
}

/** @throws {ClipSoupError} ERR_USAGE if the text tower that the user gave is not the only one */
function refuseSecondText(path: string, own: readonly Checkpoint[]): void {
	if (!own.some(({ recognition }) => recognition?.tables.some(({ tower }) => tower === "text"))) return;
	throw new ClipSoupError("ERR_USAGE", `Cannot use --text: "${path}" has a text tower of its own`, {
		fix: "leave --text out, or give the image tower alone",
	});
}

/** Canonical name of the temperature, and the end of its stored name in every layout. */
const TEMPERATURE = "logit_scale";

/**
 * What the checkpoints carry, each tensor once. Where they carry two temperatures the user's own counts.
 *
 * @throws {ClipSoupError} ERR_VALUE_MISMATCH if they carry a tensor with different values
 */
function carriedByAll(
	checkpoints: readonly Checkpoint[],
	{ logitScale: told }: ModelOptions,
): readonly CarriedTensor[] {
	const carried = new Map<string, { readonly tensor: CarriedTensor; readonly path: string }>();
	const differing = new Set<string>();
	for (const { path, metadata } of checkpoints) {
		for (const tensor of carriedTensors(metadata)) {
			const first = carried.get(tensor.name);
			if (first === undefined) carried.set(tensor.name, { tensor, path });
			else if (isDeepStrictEqual(first.tensor, tensor)) continue;
			else if (tensor.name === TEMPERATURE && told !== undefined) differing.add(tensor.name);
			else throw secondValueFault(tensor.name, first.path, path);
		}
	}
	return [...carried.values()].flatMap(({ tensor }) => (differing.has(tensor.name) ? [] : [tensor]));
}

function secondValueFault(name: string, first: string, second: string): ClipSoupError {
	const message = `Cannot know ${name}: found another value in the metadata of "${second}", expected that of "${first}"`;
	return new ClipSoupError("ERR_VALUE_MISMATCH", message, {
		fix: "give folders of one model, or the temperature with --logit-scale",
		details: { tensor: name, paths: [first, second] },
	});
}

/** @throws {ClipSoupError} ERR_USAGE if the temperature that the user gave is not the only one */
function refuseSecondTemperature(path: string, names: readonly string[]): void {
	if (!names.includes(TEMPERATURE)) return;
	throw new ClipSoupError("ERR_USAGE", `Cannot use --logit-scale: "${path}" has a temperature of its own`, {
		fix: "leave --logit-scale out",
	});
}

/** What of a folder is not read as it stands. */
function readingNotices({ label, towers }: StoredFolder, folder: number, reading: Reading): string[] {
	const isHere = (stored: StoredName) => stored.folder === folder;
	const wrapper = reading.recognitions[folder]?.wrapper ?? "";
	const [dropped, ignored] = [reading.dropped.filter(isHere), reading.ignored.filter(isHere)];
	const [first] = ignored;
	return [
		...(wrapper === "" ? [] : [`"${label}": the prefix "${wrapper}" of names is taken off`]),
		...(dropped.length === 0
			? []
			: [`"${label}": ${dropped.map(({ name }) => name).join(", ")} is left out by --drop`]),
		...(first === undefined ? [] : [`"${label}": ${ignoredNotice(towers, ignored.length, first)}`]),
	];
}

function ignoredNotice(towers: StoredFolder["towers"], count: number, { name }: StoredName): string {
	if (towers !== undefined) return `only the text tower is taken, ${count} other tensors are left out`;
	return `buffers that no model needs are left out: ${count} such as "${name}"`;
}

/** Reads twice: what the configurations tell decides where a name that fits two tensors belongs. */
function readWith(folders: readonly StoredFolder[], told: readonly FactSource[], drop: ReadonlySet<string>) {
	const likely = toldArchitecture(told, towersRecognised(folders));
	const first = readLayouts(folders, readingOptions(drop, likely));
	const knowledge = knowledgeOf(first, told, likely);
	const architecture = knowledge.architecture ?? partialArchitecture(knowledge, towersIn(first.tensors));
	if (architecture === undefined) return { reading: first, knowledge };
	const reading = readLayouts(folders, readingOptions(drop, architecture));
	return { reading, knowledge: knowledgeOf(reading, told, likely) };
}

/** The towers of which folders hold names. */
function towersRecognised(folders: readonly StoredFolder[]): ReadonlySet<Tower> {
	return new Set(folders.flatMap(({ recognition }) => recognition?.tables.map(({ tower }) => tower) ?? []));
}

function readingOptions(drop: ReadonlySet<string>, architecture: PartialArchitecture | undefined): ReadingOptions {
	if (architecture === undefined) return { drop };
	return { drop, expected: new Set(canonicalInventory(architecture).map(({ name }) => name)) };
}

/**
 * @throws {ClipSoupError} what is contradictory; where it may come from tensors that are missing of `likely`, these too,
 *   since a part of a checkpoint is not to be told from a configuration of another one
 */
function knowledgeOf(
	reading: Reading,
	told: readonly FactSource[],
	likely: PartialArchitecture | undefined,
): Knowledge {
	const missing = () => (likely === undefined ? [] : missingTensors(reading, likely));
	// Tensors that do not fit together tell nothing: the reading's faults say more.
	const seen = orElse(() => (reading.faults.length > 0 ? [] : tensorFacts(reading)), missing);
	return orElse(
		() => combineFacts([...seen, ...told, USUAL_FORMS]),
		(error) => {
			const faults = missing();
			return faults.length === 0 ? [] : [...faults, ...faultsIn(error)];
		},
	);
}

/** What `run` returns; where it throws, `explain` may know faults that say more. */
function orElse<Value>(run: () => Value, explain: (error: unknown) => readonly ClipSoupError[]): Value {
	try {
		return run();
	} catch (error) {
		throwFaults("Cannot use a part of a CLIP", explain(error));
		throw error;
	}
}

/** The tensors that an architecture has and the towers that are there lack, if they differ in nothing else. */
function missingTensors(
	{ tensors, recognitions }: Reading,
	architecture: PartialArchitecture,
): readonly ClipSoupError[] {
	const towers = new Set([...towersIn(tensors)].filter((tower) => tower !== "joint"));
	const faults = canonicalFaults(architecture, tensors, towers, { stored: storedForms(recognitions) });
	return faults.every(({ code }) => code === "ERR_TENSOR_MISSING") ? faults : [];
}

function logitScale(value: number | undefined): CarriedTensor[] {
	if (value === undefined) return [];
	if (!Number.isFinite(Math.fround(value))) {
		throw new ClipSoupError("ERR_USAGE", `Cannot use ${value} as logarithm of the temperature: expected a finite F32`, {
			fix: "CLIPs have about 4.6, the logarithm of 100",
		});
	}
	const bytes = new Uint8Array(Float32Array.of(value).buffer);
	return [{ name: TEMPERATURE, dtype: "F32", shape: [], bytes }];
}

/** The architecture of a model. @throws {ClipSoupError} ERR_USAGE naming what is missing and the presets that fit */
export function architectureOf({ knowledge, tensors }: Pick<ClipModel, "knowledge" | "tensors">): Architecture {
	return knowledge.architecture ?? requireArchitecture(knowledge, fittingPresets(tensors));
}

/** The architecture of some towers of a model. @throws {ClipSoupError} as `architectureOf` */
export function partOf(
	{ knowledge, tensors }: Pick<ClipModel, "knowledge" | "tensors">,
	towers: ReadonlySet<Tower>,
): PartialArchitecture {
	// Presets are looked through only where one is to be proposed.
	return partialArchitecture(knowledge, towers) ?? requireTowers(knowledge, towers, fittingPresets(tensors));
}

/** As `partOf` for those who write tensors alone: facts that no tensor depends on have any value where nobody tells them. */
export function formsOf(
	model: Pick<ClipModel, "knowledge" | "tensors">,
	towers: ReadonlySet<Tower>,
): PartialArchitecture {
	const { knowledge } = model;
	return partialArchitecture(knowledge, towers) ?? architectureOfForms(knowledge, towers) ?? partOf(model, towers);
}

/** The parts of a CLIP that tensors belong to. */
export function towersIn(tensors: readonly Pick<CanonicalTensor, "name">[]): ReadonlySet<Tower> {
	return new Set(tensors.map(({ name }) => towerOf(name)));
}

/** Names of the presets that agree with all that these tensors tell. */
export function fittingPresets(tensors: readonly CanonicalTensor[]): string[] {
	try {
		const { carriers: _, ...image } = inferImage(shapesOf(tensors));
		const known = towersIn(tensors).has("text") ? inferArchitecture(tensors).known : image;
		return matchingPresets(known).map(({ name }) => name);
	} catch (error) {
		if (isClipSoupError(error)) return [];
		throw error;
	}
}

/** The checkpoint and stored name of a canonical tensor's source. */
export function storedOf({ checkpoints }: Pick<ClipModel, "checkpoints">, { folder, name }: StoredName) {
	return checkpoints[folder]?.tensors.get(name);
}
