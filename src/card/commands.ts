import type { Recipe } from "../recipe.ts";
import type { History } from "./history.ts";
import type { Ingredient } from "./ingredients.ts";

/**
 * The commands that make the model again, one a line: `avg` with every option that its recipe records, and a `convert` for
 * each conversion afterwards.
 *
 * The recipe holds names, not paths: ingredients that are no repositories are expected in the current folder.
 */
export function remakingCommands(
	{ soup, conversions }: History,
	ingredients: readonly Ingredient[],
): readonly string[] {
	const inputs = ingredients.map(({ reference }) => inputWord(reference));
	const average = soup && [["clip-soup avg", ...inputs, ...averageOptions(soup), "-o soup/"].join(" ")];
	const steps = conversions.map((recipe, index) => {
		const [first = ""] = inputs;
		const source = index > 0 ? `converted-${index}/` : soup === undefined ? first : "soup/";
		const output = index === conversions.length - 1 ? "converted/" : `converted-${index + 1}/`;
		return ["clip-soup convert", source, ...targetOptions(recipe), "-o", output].join(" ");
	});
	return [...(average ?? []), ...steps];
}

function averageOptions(recipe: Recipe): string[] {
	const { weights, normalize, dtype, keep, modelDigest } = recipe;
	return [
		...(weights === null ? [] : [`--weights=${weights.join(",")}`]),
		...(normalize ? [] : ["--no-normalize"]),
		...(dtype === null ? [] : [`--dtype ${shellWord(dtype.toLowerCase())}`]),
		...Object.entries(keep).map(([name, input]) => `--keep=${shellWord(`${name}=${input}`)}`),
		...targetOptions(recipe),
		...(modelDigest === undefined ? [] : ["--digests"]),
	];
}

function inputWord(reference: string): string {
	return shellWord(reference.startsWith("-") ? `./${reference}` : reference);
}

/** Forms of a model, as recipes call them, and the options that choose them. */
const TARGETS: Readonly<Record<string, string>> = {
	openclip: "--to openclip",
	timm: "--to timm",
	"hf-clip": "--to hf",
	"hf-pair": "--to hf",
	"hf-text": "--to hf",
	"hf-dual": "--to hf --hf-dual",
};

function targetOptions({ target }: Recipe): string[] {
	const known = TARGETS[target ?? ""];
	return known === undefined ? [] : [known];
}

/** A text as one word of bash and zsh, on one line, whatever it holds. */
export function shellWord(text: string): string {
	if (/^[\w./-][\w./:@%+=,-]*$/.test(text)) return text;
	// Angle brackets are escaped so that nothing in a model card can be taken for a comment of HTML.
	if (!/[\p{C}\p{Zl}\p{Zp}<>]/u.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
	const bytes = [...Buffer.from(text)].map((byte) => {
		const character = String.fromCharCode(byte);
		return /[\w ./:@%+=,-]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
	});
	return `$'${bytes.join("")}'`;
}
