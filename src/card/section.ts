import { cardCells, type Profile, profileArchitecture } from "../architectures/profile.ts";
import type { ModelSummary } from "../checkpoint/model-summary.ts";
import { markdown } from "../reports/markdown.ts";
import { counted } from "../reports/plain-text.ts";
import { CHECKS, type Verification } from "../verification.ts";
import { citationsFor } from "./citations.ts";
import { remakingCommands } from "./commands.ts";
import { EVALUATION, TRAINING } from "./given-parts.ts";
import type { History } from "./history.ts";
import type { Ingredient } from "./ingredients.ts";
import type { EvaluationResult } from "./results.ts";
import type { CardSources } from "./sources.ts";

/** All that the generated section tells. */
export interface SectionFacts extends CardSources {
	readonly history: History;
	readonly ingredients: readonly Ingredient[];
	/** Table of results, as `evaluationTable` writes it. */
	readonly evaluation: string | undefined;
	/** Markdown by the author, carried as it is. */
	readonly notes: string | undefined;
}

/** The generated part of a model card, in GitHub's Markdown. Text from files is escaped; the author's notes are not. */
export function composeSection(facts: SectionFacts): string {
	const parts = [
		modelPart(facts),
		recipePart(facts),
		profilePart(facts.model),
		verificationPart(facts.verification),
		facts.evaluation === undefined ? [] : [`## ${EVALUATION}`, "", facts.evaluation],
		citationPart(facts),
		// Last, so that a fence which the author forgot to close spoils nothing of the rest.
		facts.notes === undefined ? [] : [`## ${TRAINING}`, "", facts.notes.trim()],
	];
	return parts
		.filter((lines) => lines.length > 0)
		.map((lines) => lines.join("\n"))
		.join("\n\n");
}

/** The figures that an author gave. */
export function evaluationTable(results: readonly EvaluationResult[]): string {
	const rows = results.map(({ dataset, split = "–", metric, value, source = "–" }) =>
		[dataset, split, metric, String(value), source].map(markdown),
	);
	return table(["Dataset", "Split", "Metric", "Value", "Source"], rows).join("\n");
}

function modelPart({ model, history, ingredients, tensorCount, byteLength, dtype, lock }: SectionFacts): string[] {
	const count = ingredients.length;
	const mean = isUniform(ingredients) && history.soup?.normalize ? "the uniform average" : "a weighted sum";
	const layouts = [...new Set(model?.layouts.map(({ layout }) => layout))];
	const rows = [
		["Architecture", model?.description],
		["Layout", layouts.length === 0 ? undefined : layouts.join(" + ")],
		["Tensors", `${tensorCount} (${dtype}), ${byteLength} bytes`],
		["Model digest", lock?.modelDigest],
		["Canonical digest", lock?.canonicalDigest?.all],
	].flatMap(([name = "", value]) => (value === undefined ? [] : [[name, code(value)]]));
	return [
		"## Model",
		"",
		...(history.soup === undefined ? [] : [`A model soup: ${mean} of the weights of ${count} checkpoints.`, ""]),
		...table(["", "Value"], rows),
	];
}

function isUniform(ingredients: readonly Ingredient[]): boolean {
	return ingredients.every(({ weight }) => weight === ingredients[0]?.weight);
}

function recipePart({ history, ingredients }: SectionFacts): string[] {
	if (ingredients.length === 0) return [];
	const { soup } = history;
	const rows = ingredients.map(({ name, repo, revision, weight, byteLength, digests, hasRecipe }, index) => [
		String(index + 1),
		`${code(repo ?? name)}${hasRecipe ? " (made by clip-soup too)" : ""}`,
		code(revision ?? "–"),
		...(soup === undefined ? [] : [String(weight)]),
		String(byteLength),
		`${digests.kind}: ${digests.values.map(code).join(", ")}`,
	]);
	const head = ["#", "Checkpoint", "Revision", ...(soup === undefined ? [] : ["Weight"]), "Bytes", "Digest"];
	return [
		"## Recipe",
		"",
		...table(head, rows),
		"",
		...(soup === undefined ? [] : [arithmetic(soup.normalize, soup.version), ""]),
		"To make it again:",
		"",
		"```sh",
		...remakingCommands(history, ingredients),
		"```",
	];
}

function arithmetic(normalize: boolean, version: string): string {
	const divided = normalize ? "divided by the sum of the weights once" : "not divided by the sum of the weights";
	return `Every element was summed in float64 in this order, ${divided}, and rounded once, by clip-soup ${markdown(version)}.`;
}

function profilePart(model: ModelSummary | undefined): string[] {
	if (model?.architecture === undefined) return [];
	const profile: Profile = profileArchitecture(model.architecture);
	const cells = cardCells(profile);
	const rows = [
		...(profile.image.parameters > 0 ? [["image", cells.image_mparams, cells.image_gmacs, cells.image_macts]] : []),
		...(profile.text.parameters > 0 ? [["text", cells.text_mparams, cells.text_gmacs, cells.text_macts]] : []),
		["total", cells.mparams, cells.gmacs, cells.macts],
	];
	return ["## Profile", "", ...table(["Tower", "Parameters (M)", "GMACs", "MActs"], rows)];
}

function verificationPart(verification: Verification | undefined): string[] {
	if (verification === undefined) return [];
	const rows = verification.checks.map(({ check, status, detail, findings }) => [
		check,
		CHECKS[check].title,
		findings.length === 0 ? status : `${status}, ${counted(findings.length, "finding")}`,
		markdown(detail),
	]);
	return [
		"## Verification",
		"",
		"By `clip-soup verify`:",
		"",
		...table(["Check", "What it asks", "Result", "Figures"], rows),
	];
}

function citationPart({ history, model, ingredients, notes = "" }: SectionFacts): string[] {
	const cited = citationsFor({
		isSoup: history.soup !== undefined,
		isOpenClip: model?.layouts.some(({ layout }) => layout === "openclip") ?? false,
		isLaion: [notes, ...ingredients.map(({ repo, name }) => repo ?? name)].some((text) => /laion/i.test(text)),
		isConvNeXt: model?.architecture?.vision?.family === "convnext",
	});
	if (cited.length === 0) return [];
	return ["## Citation", "", "```bibtex", cited.map(({ bibtex }) => bibtex).join("\n\n"), "```"];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
	const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
	return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

/** Code where no character of it can end the code, else escaped text. */
function code(text: string): string {
	return /^[\w.:/@+-]{1,200}$/.test(text) ? `\`${text}\`` : markdown(text);
}
