import { type Finding, ranCheck, skippedCheck, type Verification } from "../../src/verification.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;

/** What `hf:org/soup@main` stood for. */
export const ORIGIN = { reference: "hf:org/soup@main", repo: "org/soup", revision: "c0".repeat(20) } as const;

export const PASSED: Verification = {
	path: "soup",
	description: "ViT-B-32, embedding 512",
	checks: [
		ranCheck("CS001", 0.25, { detail: "2 files, 302 tensors" }),
		ranCheck("CS006", 1.5, { detail: "151277313 elements" }),
		skippedCheck("CS005", "no lock was given"),
	],
	modelDigest: DIGEST,
	canonicalDigest: DIGEST,
	origins: [],
	notices: [],
};

export const FAILED: Verification = {
	...PASSED,
	modelDigest: undefined,
	canonicalDigest: undefined,
	description: undefined,
	checks: [
		ranCheck("CS001", 0.25, { detail: "1 file" }),
		ranCheck("CS004", 0.1, {
			detail: "302 tensors",
			findings: [
				{
					level: "error",
					message: 'Found shape [768, 512] of "proj" <&> "x|y", expected [512, 768]',
					file: "model.safetensors",
					tensor: "visual.proj",
					expected: "[512, 768]",
					found: "[768, 512]",
					cause: "a matrix stored the other way round",
				},
				{ level: "error", message: "Found two", file: "model.safetensors", tensor: "visual.proj", elements: [0, 7] },
				{ level: "warning", message: "Found F64, which libraries read as F32", tensor: "logit_scale" },
			],
		}),
		ranCheck("CS012", 0, {
			detail: "open_clip_config.json",
			findings: [{ level: "error", message: "Found embed_dim 1024, expected 512", file: "open_clip_config.json" }],
		}),
		skippedCheck("CS013", "no signature was given"),
	],
	notices: ["a note\nin two lines"],
};

/** What a malformed file comes to. */
export const ERROR = {
	code: "ERR_FILE_TRUNCATED",
	message: 'Cannot read "a.safetensors": found its end at byte 12, expected at least 80 bytes',
	fix: "download it again",
	details: { found: 12 },
	exitCode: 3,
} as const;

export function withFindings(findings: readonly Finding[], path = "soup"): Verification {
	return { ...PASSED, path, checks: [ranCheck("CS006", 1, { detail: "all elements", findings })] };
}

/** As many findings as a damaged file can give. */
export function manyFindings(count: number, message = "Found NaN"): Finding[] {
	return Array.from({ length: count }, (_, index) => ({
		level: "error",
		message,
		file: "model.safetensors",
		tensor: `blocks.${index}.weight`,
	}));
}
