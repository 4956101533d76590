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
 * What was verified, by a name that says nothing of the machine: as it was given, or its base name if that was absolute or
 * leads upwards. A backslash counts as a slash, as on Windows. A reference to the Hub stays what it is.
 */
export function subjectName(path: string): string {
	return isReference(path) ? path : relativePath(path);
}

/** Where a finding is: the file it is about, or the model where it names none. */
export interface Place {
	/** From where `verify` ran; on the Hub a reference. */
	readonly name: string;
	/** Whether it is a file that a viewer could open. */
	readonly isLocal: boolean;
}

export function placeOf(path: string, { file }: Finding): Place {
	if (!isReference(path)) return { name: fileIn(relativePath(path), file), isLocal: true };
	const [repository = "", ...rest] = path.slice(SCHEME.length).split(":");
	const inside = rest.length === 0 ? (file ?? "") : fileIn(rest.join(":"), file);
	return { name: `${SCHEME}${repository}${inside === "" ? "" : `:${inside}`}`, isLocal: false };
}

const SCHEME = "hf:";

function isReference(path: string): boolean {
	return path.startsWith(SCHEME);
}

function relativePath(path: string): string {
	const normal = posix.normalize(path.replaceAll("\\", "/")).replace(/(?<=.)\/$/, "");
	if (!/^\.\.(\/|$)/.test(normal) && !posix.isAbsolute(normal) && !win32.isAbsolute(normal)) return normal;
	return posix.basename(normal).replace(/^\.\.$|^$/, ".");
}

/** A file of a model: itself, or what lies in its folder or beside it. */
function fileIn(model: string, file: string | undefined): string {
	if (file === undefined || posix.basename(model) === file) return model;
	const folder = /\.(safetensors|json)$/.test(model) ? posix.dirname(model) : model;
	return relativePath(posix.join(folder, relativePath(file)));
}
