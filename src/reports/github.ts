import { CHECKS, type Verification } from "../verification.ts";
import { type CheckFinding, checkLabel, findingsOf, placeOf, sentenceOf } from "./findings.ts";
import { plain } from "./plain-text.ts";
import { faultsOf, type ReportedError } from "./reported-error.ts";

/** GitHub shows 10 annotations of a type for each step and drops the rest. */
const MOST_ANNOTATIONS = 10;

/** A remark that a run on GitHub shows. */
export interface Annotation {
	readonly type: "error" | "warning";
	readonly title: string;
	readonly file?: string;
	/** Lines. */
	readonly message: readonly string[];
}

/**
 * Workflow commands that annotate a run on GitHub, one a line; empty if there is nothing to say.
 *
 * Of each type the first nine are told and how many more there are, since GitHub would drop the eleventh without a word.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
 */
export function githubAnnotations(verification: Verification, error?: ReportedError): string {
	const annotations = [
		...(error === undefined ? [] : faultsOf(error).map(errorAnnotation)),
		...findingsOf(verification).map((finding) => findingAnnotation(verification.path, finding)),
	];
	return (["error", "warning"] as const)
		.flatMap((type) => withinLimit(annotations.filter((annotation) => annotation.type === type)))
		.map((annotation) => `${annotationCommand(annotation)}\n`)
		.join("");
}

/** Ends a value; a line of that text would have to be one, and values here have no line breaks. */
const DELIMITER = "CLIP_SOUP_END";

/**
 * The step's outputs for the file that `GITHUB_OUTPUT` names: `model-digest`, empty where it is not known, and `findings`,
 * their number.
 *
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings
 */
export function githubOutputs(verification: Verification): string {
	const outputs = {
		"model-digest": plain(verification.modelDigest ?? ""),
		findings: String(findingsOf(verification).length),
	};
	return Object.entries(outputs)
		.map(([name, value]) => `${name}<<${DELIMITER}\n${value}\n${DELIMITER}\n`)
		.join("");
}

function withinLimit(annotations: readonly Annotation[]): readonly Annotation[] {
	const [first] = annotations;
	if (first === undefined || annotations.length <= MOST_ANNOTATIONS) return annotations;
	const shown = annotations.slice(0, MOST_ANNOTATIONS - 1);
	const message = [`and ${annotations.length - shown.length} more`];
	return [...shown, { type: first.type, title: "clip-soup verify", message }];
}

function errorAnnotation({ code, message, fix }: ReportedError): Annotation {
	return { type: "error", title: code, message: fix === undefined ? [message] : [message, `fix: ${fix}`] };
}

function findingAnnotation(path: string, finding: CheckFinding): Annotation {
	const { check, level } = finding;
	const { name, isLocal } = placeOf(path, finding);
	const title = `${checkLabel(check)}: ${CHECKS[check].title}${isLocal ? "" : ` (${name})`}`;
	return { type: level, title, ...(isLocal && { file: name }), message: [sentenceOf(finding)] };
}

/** The workflow command of an annotation, without a line break. */
export function annotationCommand({ type, title, file, message }: Annotation): string {
	const properties = [...(file === undefined ? [] : [`file=${property(file)}`]), `title=${property(title)}`];
	return `::${type} ${properties.join(",")}::${message.map(data).join("%0A")}`;
}

function data(text: string): string {
	return plain(text).replaceAll("%", "%25");
}

function property(text: string): string {
	return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
