import * as z from "zod";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const finding = z
	.object({
		level: z.enum(["error", "warning"]).describe("A warning does not fail its check."),
		message: z.string().describe("What was found where, and what was expected."),
		file: z.string().optional().describe("Base name of the file, or its path from the model's folder."),
		tensor: z.string().optional().describe("Stored name of the tensor."),
		elements: z.tuple([z.int(), z.int()]).readonly().optional().describe("First and last flat index."),
		expected: z.string().optional(),
		found: z.string().optional(),
		cause: z.string().optional().describe("What probably happened."),
	})
	.readonly();

const checkResult = z
	.object({
		check: z
			.string()
			.regex(/^CS\d{3}$/)
			.describe("Stable id. New checks may come without a new version of this schema."),
		status: z.enum(["passed", "failed", "skipped"]).describe("Failed if a finding is an error."),
		detail: z.string().describe("What was compared, with figure and tolerance; why a skipped check did not run."),
		findings: z.array(finding).readonly(),
		seconds: z.number().nonnegative(),
	})
	.readonly();

const origin = z
	.object({
		reference: z.string().describe("What was given, less the path in the repository: hf:org/name[@revision]."),
		repo: z.string(),
		revision: z
			.string()
			.regex(/^[0-9a-f]{40}$/)
			.describe("The commit that was read."),
	})
	.readonly();

const verification = z.object({
	path: z.string().describe("What was given."),
	description: z.string().optional().describe("The architecture in words; absent while facts are missing."),
	checks: z.array(checkResult).readonly().describe("In the order in which they ran."),
	modelDigest: digest.optional().describe("Absent where nothing needed the bytes."),
	canonicalDigest: digest.optional().describe("Of the canonical tensors: the same in every layout."),
	origins: z.array(origin).readonly().describe("All that was read of the Hub, at which commit."),
	notices: z.array(z.string()).readonly(),
});

const error = z.object({
	code: z
		.string()
		.regex(/^ERR_[A-Z_]+$/)
		.describe("Stable; docs/errors.md tells cause and cure."),
	message: z.string(),
	fix: z.string().optional(),
	details: z.record(z.string(), z.unknown()).describe("Machine-readable facts; several errors are in `faults`."),
});

const head = { schemaVersion: z.literal(1), command: z.literal("verify") };

/** The document of `verify --json` and of `--report json=FILE`. Fields may be added without a new version. */
export const verificationDocument = z.discriminatedUnion("outcome", [
	z.object({ ...head, outcome: z.literal("ok"), exitCode: z.literal(0), result: verification }),
	z.object({ ...head, outcome: z.literal("findings"), exitCode: z.literal(1), result: verification }),
	z.object({ ...head, outcome: z.literal("error"), exitCode: z.int().min(2), error }),
]);

/** The schema above as JSON Schema, in which unknown fields are allowed. */
export function verificationJsonSchema(): unknown {
	const { $schema, ...rest } = z.toJSONSchema(verificationDocument, {
		io: "input",
		// Arrays are `readonly` in TypeScript; in JSON Schema the word is about who may change a value.
		override: ({ jsonSchema }) => {
			delete jsonSchema.readOnly;
		},
	});
	return { $schema, title: "clip-soup verify --json, version 1", ...rest };
}
