import * as z from "zod";

const fileSchema = z.object({
	/** Base name. */
	name: z.string(),
	byteLength: z.number().int().nonnegative(),
	/** SHA-256 of the header's JSON bytes. */
	headerSha256: z.string(),
});

const inputSchema = z.object({
	/** Base name of the file or folder that was given. */
	name: z.string(),
	/** One weight file, or the shards in the order of their names. */
	files: z.array(fileSchema),
	/** On the Hub: `namespace/name`. */
	repo: z.string().optional(),
	/** The commit that was read, 40 hex digits: a branch moves. */
	revision: z
		.string()
		.regex(/^[0-9a-f]{40}$/)
		.optional(),
	/** With digests only. */
	modelDigest: z.string().optional(),
	/** The input's own `clip_soup` entry, whatever version wrote it. */
	clipSoup: z.unknown().optional(),
});

/** Numbers by name; a record of zod's leaves out `__proto__`, which a tensor may be called. */
const keepSchema = z.custom<Readonly<Record<string, number>>>(
	(value) =>
		typeof value === "object" &&
		value !== null &&
		!Array.isArray(value) &&
		Object.values(value).every((input) => Number.isInteger(input) && input > 0),
);

/**
 * How a soup was made: the `clip_soup` entry of its metadata, and `soup.json` beside it.
 *
 * Holds no time, no path and no machine, so that the same inputs and options give the same bytes.
 */
const recipeSchema = z.object({
	/** Version of clip-soup. */
	version: z.string(),
	method: z.enum(["linear", "convert"]),
	/** Form it was written in, where that was chosen: `openclip`, `timm`, `hf-clip`, `hf-pair`, `hf-dual`. */
	target: z.string().optional(),
	/** As they were given; null is uniform. */
	weights: z.array(z.number()).nullable(),
	normalize: z.boolean(),
	/** Output dtype of averaged tensors; null keeps each tensor's own. */
	dtype: z.string().nullable(),
	/** Tensors taken from one input, by its number from 1. */
	keep: keepSchema,
	inputs: z.array(inputSchema),
	/** Of the output; with digests only. */
	modelDigest: z.string().optional(),
});

export type Recipe = z.infer<typeof recipeSchema>;
export type RecipeInput = z.infer<typeof inputSchema>;

/** Name of the metadata entry. */
export const RECIPE_METADATA = "clip_soup";

/** Reads a `clip_soup` entry; undefined if it is of a form this version does not know. */
export function parseRecipe(text: string): Recipe | undefined {
	const result = recipeSchema.safeParse(parseJson(text));
	return result.success ? result.data : undefined;
}

/** An input's own entry as it goes into the recipe of its soup: as JSON, or as it stands if it is none. */
export function nestRecipe(text: string): unknown {
	return parseJson(text) ?? text;
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
