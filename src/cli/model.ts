import { cardCells, type Profile } from "../architectures/profile.ts";
import type { ModelSummary } from "../checkpoint/model-summary.ts";
import { formatTable, printable } from "./format.ts";

/** Facts that a summary shows, and what it calls them; `--json` has all. */
const SHOWN: Readonly<Record<string, string>> = {
	"vision.imageSize": "image size",
	embedDim: "embedding",
	quickGelu: "activation",
	"vision.heads": "image heads",
	"text.heads": "text heads",
	"vision.eps": "image eps",
};

/** Rows on a model: its layouts with the evidence, its towers, and the facts that tensors alone do not tell. */
export function modelRows({ description, towers, layouts, facts, missing }: ModelSummary, path: string): string[][] {
	const root = `${path.replace(/\/+$/, "")}/`;
	const short = (name: string) => printable(name.replace(root, ""));
	return [
		...layouts.map(({ path: place, layout, evidence }) => {
			const folder = layouts.length > 1 ? `${short(place)}: ` : "";
			return ["layout", `${folder}${layout}, by ${evidence.map(printable).join("; ")}`];
		}),
		["towers", towers.join(", ")],
		...(description === undefined ? [] : [["model", description]]),
		...Object.entries(SHOWN).flatMap(([key, title]) => {
			const fact = facts[key];
			return fact === undefined ? [] : [[title, `${show(key, fact.value)} (from ${fact.from.map(short).join(", ")})`]];
		}),
		...(missing.length > 0 ? [["not known", missing.join(", ")]] : []),
	];
}

function show(path: string, value: unknown): string {
	if (path !== "quickGelu") return String(value);
	return value === true ? "QuickGELU" : "GELU";
}

/** The columns of the model card: billions of multiply-accumulates, millions of activations and of parameters. */
export function renderProfile(profile: Profile): string {
	const cells = cardCells(profile);
	const rows = [
		["", "gmacs", "macts", "mparams"],
		...(profile.image.parameters > 0 ? [["image", cells.image_gmacs, cells.image_macts, cells.image_mparams]] : []),
		...(profile.text.parameters > 0 ? [["text", cells.text_gmacs, cells.text_macts, cells.text_mparams]] : []),
		["total", cells.gmacs, cells.macts, cells.mparams],
	];
	return `${formatTable(rows, [1, 2, 3])}\n`;
}
