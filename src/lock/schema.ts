import * as z from "zod";
import { DTYPES, type Dtype, isDtype } from "../tensor/dtype.ts";
import { expectationSchema } from "./expectation.ts";

/** The one version of lock files that this version writes and reads. */
export const LOCK_VERSION = 1;

/** Name of the schema: `schemas/clip-soup.lock.v1.schema.json`. */
export const LOCK_SCHEMA_ID = "urn:clip-soup:lock:v1";

const sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits");
const count = z.int("a whole number").nonnegative("a whole number");
const positive = z.int("a whole number").positive("a positive number");
const dtype = z.enum(
	Object.keys(DTYPES).filter((name): name is Dtype => isDtype(name)),
	"a dtype of safetensors",
);
const shape = z.array(count);
const commit = z.string().regex(/^[0-9a-f]{40}$/, "a commit of 40 hex digits, since a branch moves");
const three = z.tuple([z.number(), z.number(), z.number()]);

const statisticsSchema = z
	.strictObject({
		max: z.number(),
		mean: z.number().describe("To nine digits, as rms: the last ones depend on the order of the elements."),
		min: z.number(),
		nonFinite: count.describe("Elements that are NaN or infinite."),
		rms: z.number().describe("Root of the mean of the squares."),
		zeros: count,
	})
	.describe("Over the finite elements, in float64; 0 if there is none.");

const tensorFields = {
	dtype,
	name: z.string(),
	sha256: sha256.describe("Of the bytes: little-endian, row-major."),
	shape,
};

const tensorSchema = z.strictObject({
	...tensorFields,
	stats: statisticsSchema.optional().describe("Of tensors of a float dtype."),
});

const fileSchema = z.strictObject({
	path: z.string().min(1).describe("Base name, with its folder where there are several."),
	sha256,
	size: count.describe("In bytes."),
});

const modelSchema = z.strictObject({
	arch: z.string().optional().describe("The architecture in words."),
	architecture: z
		.looseObject({ embed_dim: positive, text_cfg: z.looseObject({}), vision_cfg: z.looseObject({}) })
		.optional()
		.describe("OpenCLIP's model_cfg."),
	dtype: z.string().describe("Of the float tensors; of several dtypes with + between them."),
	layout: z.string().optional().describe("openclip, timm or hf; of several folders with + between them."),
	preprocess: z
		.strictObject({
			fillColor: z.number(),
			interpolation: z.enum(["bicubic", "bilinear"]),
			mean: three,
			resizeMode: z.enum(["shortest", "longest", "squash"]),
			size: positive,
			std: three,
		})
		.optional()
		.describe("How a picture becomes the image tower's input."),
	repo: z
		.string()
		.optional()
		.describe("On the Hub: namespace/name. Another repository is not checked against the lock."),
	revision: commit.optional(),
});

const ingredientSchema = z.strictObject({
	files: z.array(z.strictObject({ headerSha256: sha256, name: z.string(), size: count })),
	modelDigest: sha256.optional(),
	name: z.string().describe("Base name of the file or folder."),
	repo: z.string().optional().describe("On the Hub: namespace/name."),
	revision: commit.optional(),
	weight: z.number().describe("As it was given; 1 in a uniform soup."),
});

const soupSchema = z
	.strictObject({
		accumulator: z.literal("f64"),
		dtype: z.string().nullable().describe("Of averaged tensors; null keeps each tensor's own."),
		formula: z.enum(["sum-then-divide", "weighted-sum-then-divide", "weighted-sum"]),
		ingredients: z.array(ingredientSchema).min(1),
		keep: z.record(z.string(), positive).describe("Tensors taken from one ingredient, by its number from 1."),
		rounding: z.literal("direct-nearest-even"),
		scheme: z.enum(["uniform", "weighted"]),
		version: z.string().describe("Of clip-soup that made it."),
	})
	.describe("How the soup was made, where its metadata tell.");

const featuresSchema = z.strictObject({
	f32base64: z.base64().describe("Little-endian float32, row-major."),
	shape: z.tuple([positive, positive]),
});

const goldenSchema = z
	.strictObject({
		image: featuresSchema.optional(),
		inputs: z.strictObject({ generator: z.literal("numerics-v1"), images: count, texts: count }),
		limits: z.strictObject({ oneMinusCos: z.number().nonnegative() }),
		runtime: z.strictObject({ ep: z.string(), onnxruntime: z.string() }),
		text: featuresSchema.optional(),
	})
	.describe("Features of reference inputs.");

/** What a lock file holds. Digests that do not follow from its entries are for `parseLock` to find. */
export const lockSchema = z.strictObject({
	$schema: z.string(),
	canonicalDigest: z
		.strictObject({ all: sha256, text: sha256.optional(), visual: sha256.optional() })
		.optional()
		.describe("Over tensors, where they are canonical: the same in every layout."),
	expect: z.array(expectationSchema).describe("What must hold of the values; written by hand."),
	files: z.array(fileSchema),
	generator: z.strictObject({ name: z.string(), version: z.string() }),
	golden: goldenSchema.optional(),
	lockVersion: z.literal(LOCK_VERSION),
	model: modelSchema,
	modelDigest: sha256.describe("Over the stored tensors: stored, or tensors where there is no stored."),
	soup: soupSchema.optional(),
	stored: z
		.array(z.strictObject(tensorFields))
		.optional()
		.describe("The tensors as the files have them, where these are not the canonical ones."),
	tensors: z.array(tensorSchema).describe("The canonical tensors of a CLIP; else those of the files. Sorted by name."),
});

export type Lock = z.infer<typeof lockSchema>;
export type LockTensor = z.infer<typeof tensorSchema>;
export type LockStatistics = z.infer<typeof statisticsSchema>;
export type LockSoup = z.infer<typeof soupSchema>;
export type LockGolden = z.infer<typeof goldenSchema>;

/** The JSON Schema of lock files, as `scripts/write-schemas.ts` writes it. */
export function lockJsonSchema(): Record<string, unknown> {
	return { $id: LOCK_SCHEMA_ID, title: "Lock file of clip-soup", ...z.toJSONSchema(lockSchema) };
}
