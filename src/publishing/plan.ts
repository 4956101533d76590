import { createHash } from "node:crypto";
import * as z from "zod";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 hex digits");
const commit = z.string().regex(/^[0-9a-f]{40}$/, "40 hex digits");
const count = z.int("a whole number").nonnegative("a whole number");

const plannedFileSchema = z.strictObject({
	path: z.string().min(1),
	/** `keep` is on the Hub only and stays there. */
	action: z.enum(["add", "replace", "same", "delete", "keep"]),
	/** Of the file as it will be; of one that is deleted or kept, as it is. */
	byteLength: count,
	/** Absent of what is not ours. */
	sha256: sha256.optional(),
	/** Of what it replaces: SHA-256 in LFS, git's SHA-1 else. */
	previous: z.strictObject({ byteLength: count, oid: z.string() }).optional(),
});

/** Where the commit goes. */
const targetSchema = z.discriminatedUnion("kind", [
	z.strictObject({ kind: z.literal("pull-request") }),
	z.strictObject({
		kind: z.literal("branch"),
		name: z.string().min(1),
		/** Whether it has to be made, from the default branch. */
		isNew: z.boolean(),
	}),
]);

/** What `publish` will do, as far as it can be known before it is done. */
export const planSchema = z.strictObject({
	planVersion: z.literal(1),
	/** Digest of all the rest: the same plan has the same id. */
	id: sha256,
	generator: z.strictObject({ name: z.string(), version: z.string() }),
	endpoint: z.string(),
	/** `org/name`. */
	repo: z.string(),
	visibility: z.enum(["private", "public"]),
	/** The commit that everything was compared with and that the new one follows; null if the repository is to be made. */
	head: commit.nullable(),
	target: targetSchema,
	tag: z.string().nullable(),
	license: z.string(),
	/** Sorted by path. */
	files: z.array(plannedFileSchema),
});

export type PublishPlan = z.infer<typeof planSchema>;
export type PlannedFile = z.infer<typeof plannedFileSchema>;
export type PlanTarget = z.infer<typeof targetSchema>;

/** A plan with its id. */
export function identifyPlan(plan: Omit<PublishPlan, "id">): PublishPlan {
	return { ...plan, id: createHash("sha256").update(JSON.stringify(plan)).digest("hex") };
}

/** Files whose bytes a plan sends. */
export function outgoingOf({ files }: PublishPlan): readonly PlannedFile[] {
	return files.filter(({ action }) => action === "add" || action === "replace");
}

/** Paths that a plan removes. */
export function removedBy({ files }: PublishPlan): readonly string[] {
	return files.filter(({ action }) => action === "delete").map(({ path }) => path);
}

/** Whether a plan changes anything in the repository. */
export function hasChanges(plan: PublishPlan): boolean {
	return outgoingOf(plan).length > 0 || removedBy(plan).length > 0;
}
