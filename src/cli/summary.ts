import type { Inspection } from "../inspect.ts";
import { describeOrigin } from "../origin.ts";
import { formatBytes, formatCount, formatTable, plural, printable } from "./format.ts";
import { modelRows, renderProfile } from "./model.ts";

/** What `inspect` shows of a checkpoint but for its tensors. */
export function renderSummary(inspection: Inspection): string {
	const { files, tensors, data, recipe } = inspection;
	const rows = [
		["checkpoint", printable(inspection.path)],
		...inspection.origins.map((origin) => ["commit", printable(describeOrigin(origin))]),
		["files", files.map(({ name, byteLength }) => `${printable(name)} (${formatBytes(byteLength)})`).join(", ")],
		...(inspection.model
			? modelRows(inspection.model, inspection.path)
			: [["layout", inspection.layout ?? "none that is known"]]),
		["tensors", String(tensors.length)],
		["parameters", `${formatCount(inspection.parameters)} (${inspection.parameters})`],
		...Object.entries(inspection.dtypes).map(([dtype, summary]) => [
			dtype,
			`${plural(summary.tensors, "tensor")}, ${formatCount(summary.elements)} elements, ${formatBytes(summary.byteLength)}`,
		]),
		...(data ? dataRows(data) : []),
		...Object.entries(inspection.metadata)
			.filter(([key]) => key !== "clip_soup" || recipe === undefined)
			.map(([key, value]) => ["metadata", `${printable(key)}: ${clip(printable(value))}`]),
		...(recipe ? recipeRows(recipe) : []),
	];
	const profile = inspection.model?.profile;
	return `${formatTable(rows)}\n${profile ? `\n${renderProfile(profile)}` : ""}`;
}

function dataRows(data: NonNullable<Inspection["data"]>): string[][] {
	return [
		["digest", data.modelDigest],
		["not finite", `${data.nan} NaN, ${data.infinite} infinite`],
		["tied", data.tied.length === 0 ? "none" : data.tied.map((names) => names.map(printable).join(" = ")).join("; ")],
	];
}

function recipeRows(recipe: NonNullable<Inspection["recipe"]>): string[][] {
	const weights = recipe.weights ? `weights ${recipe.weights.join(", ")}` : "uniform";
	return [
		["soup", `${recipe.method}, ${weights}, by clip-soup ${printable(recipe.version)}`],
		...recipe.inputs.map(({ name, files, repo, revision }, index) => {
			const size = files.map((file) => formatBytes(file.byteLength)).join(" + ");
			const from = repo === undefined ? "" : `, hf:${printable(repo)}@${printable(revision ?? "")}`;
			return [`  input ${index + 1}`, `${printable(name)} (${size})${from}`];
		}),
	];
}

const MOST_SHOWN = 120;

function clip(text: string): string {
	return text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}… (${text.length} characters)`;
}
