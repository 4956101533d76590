import { posix, win32 } from "node:path";
import { CHECKS, type CheckId, type Finding, type Verification } from "../verification.ts";

/** A finding with the check that made it. */
export interface CheckFinding extends Finding {
	readonly check: CheckId;
}

/** All findings, in the order of the checks. */
export function findingsOf({ checks }: Verification): CheckFinding[] {
	return checks.flatMap(({ check, findings }) => findings.map((finding) => ({ ...finding, check })));
}

/** `CS006 finite` */
export function checkLabel(check: CheckId): string {
	return `${check} ${CHECKS[check].name}`;
}

/** The sentence of a finding, with its probable cause. */
export function sentenceOf({ message, cause }: Finding): string {
	return cause === undefined ? message : `${message} (probably: ${cause})`;
}

/**
 * What was verified, as a path that says nothing of the machine: as it was given, or its base name if that was absolute or
 * leads upwards. A backslash counts as a slash, as on Windows.
 */
export function relativePath(path: string): string {
	const normal = posix.normalize(path.replace(/^hf:/, "").replaceAll("\\", "/")).replace(/(?<=.)\/$/, "");
	if (!/^\.\.(\/|$)/.test(normal) && !posix.isAbsolute(normal) && !win32.isAbsolute(normal)) return normal;
	return posix.basename(normal).replace(/^\.\.$|^$/, ".");
}

/** Path of the file a finding is about, from where `verify` ran; that of the model where it names none. */
export function filePath(path: string, { file }: Finding): string {
	const model = relativePath(path);
	if (file === undefined || posix.basename(model) === file) return model;
	const folder = /\.(safetensors|json)$/.test(model) ? posix.dirname(model) : model;
	return relativePath(posix.join(folder, relativePath(file)));
}
