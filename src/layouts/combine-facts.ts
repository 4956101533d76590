import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { type Architecture, checkedPart, type PartialArchitecture } from "../architectures/architecture.ts";
import { isTimmConvNextName, type TimmConvNextName } from "../architectures/timm-convnexts.ts";
import type { VisionFamily } from "../architectures/vision.ts";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { TOWERS, type Tower } from "./canonical.ts";
import type { FactSource } from "./facts.ts";
import type { Preprocess } from "./preprocess.ts";

/** A fact that is known. */
export interface KnownFact {
	readonly value: unknown;
	/** Names of the sources that tell it, in the order they were given. */
	readonly from: readonly string[];
}

/** What all sources together tell of a model. */
export interface Knowledge {
	/** By path, in the order they were first told. */
	readonly facts: ReadonlyMap<string, KnownFact>;
	/** Paths of what nobody tells and a CLIP of two towers needs. */
	readonly missing: readonly string[];
	/** With both towers; undefined while a fact is missing. */
	readonly architecture: Architecture | undefined;
	/** Undefined while a fact of it is missing. */
	readonly preprocess: Preprocess | undefined;
}

const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const three = z.tuple([z.number(), z.number(), z.number()]);

const VISION_SHAPES = {
	vit: {
		family: z.literal("vit"),
		imageSize: z.number(),
		patchSize: z.number(),
		width: z.number(),
		layers: z.number(),
		heads: z.number(),
		mlpWidth: z.number(),
		eps: z.number(),
	},
	convnext: {
		family: z.literal("convnext"),
		timmModelName: z.custom<TimmConvNextName>(isTimmConvNextName),
		imageSize: z.number(),
		depths: four,
		dims: four,
		eps: z.number(),
		head: z.enum(["linear", "mlp"]),
		headBias: z.boolean(),
	},
	resnet: {
		family: z.literal("resnet"),
		imageSize: z.number(),
		layers: four,
		width: z.number(),
		heads: z.number(),
	},
} as const satisfies Record<VisionFamily, z.ZodRawShape>;

const TEXT_SHAPE = {
	contextLength: z.number(),
	vocabularySize: z.number(),
	width: z.number(),
	layers: z.number(),
	heads: z.number(),
	mlpWidth: z.number(),
	eps: z.number(),
	projectionBias: z.boolean(),
} as const;

const ROOT_SHAPE = {
	embedDim: z.number(),
	quickGelu: z.boolean(),
	customText: z.boolean(),
	logitBias: z.boolean(),
	nonscalarLogitScale: z.boolean(),
} as const;

const PREPROCESS_SHAPE = {
	mean: three,
	std: three,
	interpolation: z.enum(["bicubic", "bilinear"]),
	resizeMode: z.enum(["shortest", "longest", "squash"]),
	fillColor: z.number(),
} as const;

const partSchema: z.ZodType<PartialArchitecture> = z.object({
	...ROOT_SHAPE,
	vision: z
		.discriminatedUnion("family", [
			z.object(VISION_SHAPES.vit),
			z.object(VISION_SHAPES.convnext),
			z.object(VISION_SHAPES.resnet),
		])
		.optional(),
	text: z.object(TEXT_SHAPE).optional(),
});

const preprocessSchema: z.ZodType<Preprocess> = z.object({ size: z.number(), ...PREPROCESS_SHAPE });

const BOTH_TOWERS: ReadonlySet<Tower> = new Set(TOWERS);

/** Values of the facts that the towers of a part do not depend on. */
const UNREAD = { quickGelu: false, customText: false, logitBias: false, nonscalarLogitScale: false };

/**
 * Joins what the sources tell. A default of a library holds only where no other source tells the fact.
 *
 * @throws {ClipSoupError} ERR_ARCHITECTURE_MISMATCH for a fact that two sources tell differently, naming both;
 * ERR_CONFIG_INVALID if the facts make no model; a `FaultsError` if there are several.
 */
export function combineFacts(sources: readonly FactSource[]): Knowledge {
	const facts = new Map<string, KnownFact>();
	const faults: ClipSoupError[] = [];
	for (const source of sources.filter(({ isDefault }) => !isDefault)) {
		for (const [path, value] of source.facts) {
			const known = facts.get(path);
			if (known !== undefined && !isDeepStrictEqual(known.value, value)) {
				faults.push(contradiction(path, known, placesOf(path, sources, known), value, source));
			}
			facts.set(path, { value: known?.value ?? value, from: [...new Set([...(known?.from ?? []), source.name])] });
		}
	}
	throwFaults("Cannot join what is known of the model", faults);
	for (const source of sources.filter(({ isDefault }) => isDefault)) {
		for (const [path, value] of source.facts) {
			if (!facts.has(path)) facts.set(path, { value, from: [source.name] });
		}
	}
	const whole = partialArchitecture({ facts }, BOTH_TOWERS);
	return {
		facts,
		missing: missingFacts({ facts }, BOTH_TOWERS),
		architecture: whole && withBothTowers(whole),
		preprocess: preprocessSchema.safeParse({
			...branch(facts, "preprocess"),
			size: facts.get("vision.imageSize")?.value,
		}).data,
	};
}

/** The architecture of `towers`; undefined while a fact of them is missing, whatever is known of the others. */
export function partialArchitecture(
	{ facts }: Pick<Knowledge, "facts">,
	towers: ReadonlySet<Tower>,
): PartialArchitecture | undefined {
	const required = requiredPaths(towers, facts.get("vision.family")?.value);
	const { data } = partSchema.safeParse({
		...UNREAD,
		...Object.fromEntries(required.map((path) => [path, facts.get(path)?.value])),
		...(towers.has("image") && { vision: branch(facts, "vision") }),
		...(towers.has("text") && { text: branch(facts, "text") }),
	});
	return data && checkedPart(data);
}

/**
 * Values for facts that no name and no shape of a tensor depends on, so that towers can be renamed without them. One head
 * divides any width.
 */
const ANY_FUNCTION = {
	quickGelu: false,
	"vision.timmModelName": "convnext_base",
	"vision.imageSize": 224,
	"vision.heads": 1,
	"vision.eps": 1e-5,
	"text.heads": 1,
	"text.eps": 1e-5,
} as const;

/**
 * An architecture whose tensors are those of `towers`, although it may compute something else: enough to rename them, but
 * not to write a configuration. Undefined while a fact is missing that decides names or shapes.
 */
export function architectureOfForms(
	{ facts }: Pick<Knowledge, "facts">,
	towers: ReadonlySet<Tower>,
): PartialArchitecture | undefined {
	const any = Object.entries(ANY_FUNCTION).map(([path, value]): [string, KnownFact] => [path, { value, from: [] }]);
	return partialArchitecture({ facts: new Map([...any, ...facts]) }, towers);
}

/** Paths of what nobody tells of `towers`, and of how pictures are prepared if the image tower is one of them. */
export function missingFacts({ facts }: Pick<Knowledge, "facts">, towers: ReadonlySet<Tower>): readonly string[] {
	return requiredPaths(towers, facts.get("vision.family")?.value).filter((path) => !facts.has(path));
}

/**
 * The architecture with both towers, where it is needed as a whole.
 *
 * @param presets Names of presets that fit what is known, to be proposed.
 * @throws {ClipSoupError} ERR_USAGE naming every fact that is missing.
 */
export function requireArchitecture(knowledge: Knowledge, presets: readonly string[] = []): Architecture {
	return knowledge.architecture ?? withBothTowers(requireTowers(knowledge, BOTH_TOWERS, presets));
}

/**
 * The architecture of `towers`, where it is needed.
 *
 * @throws {ClipSoupError} as `requireArchitecture`, of those towers only.
 */
export function requireTowers(
	knowledge: Knowledge,
	towers: ReadonlySet<Tower>,
	presets: readonly string[] = [],
): PartialArchitecture {
	const known = partialArchitecture(knowledge, towers);
	if (known !== undefined) return known;
	const facts = missingFacts(knowledge, towers).filter((path) => !path.startsWith("preprocess."));
	const proposal = presets.length > 0 ? `, which fits ${presets.join(", ")}` : "";
	throw new ClipSoupError(
		"ERR_USAGE",
		`Cannot know the model: found nothing that tells ${facts.join(", ")}, expected a config or a preset`,
		{
			fix: `give the folder with its config, a configuration file with --arch-config, or a name with --arch${proposal}`,
			details: { missing: facts, presets },
		},
	);
}

function withBothTowers({ vision, text, ...root }: PartialArchitecture): Architecture {
	if (vision === undefined || text === undefined) throw new RangeError("Both towers were asked for");
	return { ...root, vision, text };
}

/**
 * The preprocessing, where it has to be written.
 *
 * @throws {ClipSoupError} ERR_USAGE naming every fact that is missing.
 */
export function requirePreprocess({ preprocess, missing }: Knowledge): Preprocess {
	if (preprocess !== undefined) return preprocess;
	const facts = missing.filter((path) => path.startsWith("preprocess."));
	throw new ClipSoupError(
		"ERR_USAGE",
		`Cannot know how pictures are prepared: found nothing that tells ${facts.join(", ")}, expected a config`,
		{ fix: "give a configuration with --arch-config, or a preset with --arch", details: { missing: facts } },
	);
}

/** Paths of all facts of `towers`, of which the image tower is of this family. */
function requiredPaths(towers: ReadonlySet<Tower>, family: unknown): readonly string[] {
	const shape = Object.entries(VISION_SHAPES).find(([name]) => name === family)?.[1];
	const below = (part: string, facts: object) => Object.keys(facts).map((fact) => `${part}.${fact}`);
	// ConvNeXts and ResNets have activations of their own: only transformers ask for this one.
	const hasTransformer = towers.has("text") || (towers.has("image") && (family === "vit" || family === undefined));
	return [
		"embedDim",
		...(hasTransformer ? ["quickGelu"] : []),
		...(towers.has("text") ? ["customText"] : []),
		...(towers.has("joint") ? ["logitBias", "nonscalarLogitScale"] : []),
		...(towers.has("image") ? below("vision", shape ?? { family }) : []),
		...(towers.has("text") ? below("text", TEXT_SHAPE) : []),
		...(towers.has("image") ? below("preprocess", PREPROCESS_SHAPE) : []),
	];
}

/** The facts below a path's first part. */
function branch(facts: ReadonlyMap<string, KnownFact>, part: string): Readonly<Record<string, unknown>> {
	const prefix = `${part}.`;
	const entries = [...facts].filter(([path]) => path.startsWith(prefix));
	return Object.fromEntries(entries.map(([path, { value }]) => [path.slice(prefix.length), value]));
}

/** The sources of a known fact as messages call them, each with the place in it. */
function placesOf(path: string, sources: readonly FactSource[], { from }: KnownFact): string {
	const telling = from.map((name) => sources.find((one) => one.name === name && one.facts.has(path)));
	return telling.map((source) => (source === undefined ? "" : placeIn(source, path))).join(", ");
}

function placeIn({ name, places }: FactSource, path: string): string {
	const place = places?.[path];
	return place === undefined ? name : `${name} (${place})`;
}

function contradiction(
	path: string,
	{ value, from }: KnownFact,
	knownPlaces: string,
	found: unknown,
	source: FactSource,
): ClipSoupError {
	const where = placeIn(source, path);
	return new ClipSoupError(
		"ERR_ARCHITECTURE_MISMATCH",
		`Cannot know ${path}: found ${JSON.stringify(found)} in ${where}, expected ${JSON.stringify(value)} as in ${knownPlaces}`,
		{
			fix: [source.name, ...from].some((name) => name.startsWith("--arch "))
				? "leave --arch away, or name the preset that belongs to the checkpoint"
				: "give the config that belongs to the checkpoint",
			details: { fact: path, found, source: source.name, expected: value, from },
		},
	);
}
