import { ClipSoupError } from "../errors.ts";
import { Hub } from "../hub/hub.ts";
import { isHubReference, parseHubReference } from "../hub/reference.ts";
import type { LayoutId } from "../layouts/detect.ts";
import type { Lock } from "../lock/schema.ts";
import type { Watch } from "../progress.ts";
import { markdown } from "../reports/markdown.ts";
import { type KeyChange, mergeFrontMatter, readKey } from "./front-matter.ts";
import { firstRecipe, historyOf } from "./history.ts";
import { type Ingredient, ingredientsOf } from "./ingredients.ts";
import { readOrigins } from "./origins.ts";
import { holdsMarker, placeSection, sectionOf } from "./place-section.ts";
import { parseResults } from "./results.ts";
import { composeSection, type SectionFacts } from "./section.ts";
import { readSources } from "./sources.ts";

/** What the author of a card tells besides the model's folder. All texts are contents, not paths. */
export interface CardContents {
	/** Licence by the Hub's id, such as `mit`. Default: that of all ingredients, if they agree. */
	readonly license?: string | undefined;
	/** The repository it is for, `namespace/name`, which the title names. Default: the folder's name. */
	readonly repo?: string | undefined;
	/** The card there is, of which all but the generated section and our keys stays byte for byte. */
	readonly existing?: string | undefined;
	/** Markdown on the training. */
	readonly notes?: string | undefined;
	/** Evaluation results as JSON, see docs/card.md. */
	readonly results?: string | undefined;
	/** Where the ingredients are, in the recipe's order: folders, files or references to the Hub. */
	readonly ingredients?: readonly string[] | undefined;
}

export interface Card {
	readonly text: string;
	/** What is not in the card and why, one sentence each. */
	readonly notices: readonly string[];
}

/**
 * Composes the model card of a checkpoint: front matter for the Hub, and a generated section between markers.
 *
 * Reads headers, configuration, recipe, lock and verification, no weights. The same folder and contents give the same text,
 * and composing again over the result changes nothing.
 * @param folder a folder, or what else `openCheckpoint` opens
 * @throws {ClipSoupError} ERR_USAGE, ERR_CONFIG_INVALID for results, notes or an existing card that cannot be used
 */
export async function cardFor(folder: string, contents: CardContents = {}, watch: Watch = {}): Promise<Card> {
	return composeCard(folder, contents, { hub: new Hub(watch) });
}

/** What a command that makes a card knows already. */
export interface CardContext {
	readonly hub: Hub;
	/** A lock that is compared with every byte of the weights; null for none. Default: the folder's, if it seems to fit. */
	readonly lock?: Lock | null | undefined;
}

/** @throws {ClipSoupError} as `cardFor` */
export async function composeCard(folder: string, contents: CardContents, { hub, lock }: CardContext): Promise<Card> {
	const { license, repo, existing, notes, results, ingredients: places } = contents;
	refuseIds(license, repo);
	if (notes !== undefined && holdsMarker(notes)) {
		throw new ClipSoupError(
			"ERR_CONFIG_INVALID",
			"Cannot use the notes: found a marker of clip-soup in them, expected none",
			{
				fix: "take the marker out",
			},
		);
	}
	const sources = await readSources(folder, hub, lock);
	const history = historyOf(sources.recipe);
	const first = firstRecipe(history);
	const origins = places === undefined ? [] : await readOrigins(places, first, hub);
	const facts: SectionFacts = {
		...sources,
		history,
		ingredients: ingredientsOf(first, sources.lock?.soup, origins),
		results: results === undefined ? [] : parseResults(results),
		notes: notes?.trim() ? notes : undefined,
	};
	const { value: licence, notices: licenceNotices } = licenceOf(facts, license, existing);
	const section = composeSection(facts);
	const title = `# Model card for ${markdown(repo?.split("/")[1] ?? sources.name)}`;
	const body = placeSection(existing?.trim() ? existing : `${title}\n`, section);
	return {
		text: mergeFrontMatter(body, [...licence, ...keysOf(facts)]),
		notices: [...sources.notices, ...licenceNotices, ...lineageNotices(facts), ...lostNotices(existing, section)],
	};
}

function refuseIds(license: string | undefined, repo: string | undefined): void {
	if (license !== undefined && !/^[A-Za-z0-9][A-Za-z0-9.+-]{0,99}$/.test(license)) {
		throw new ClipSoupError(
			"ERR_USAGE",
			`Cannot use --license "${license}": expected an id such as apache-2.0 or other`,
		);
	}
	if (repo === undefined) return;
	const { revision, path } = parseHubReference(isHubReference(repo) ? repo : `hf:${repo}`);
	if (isHubReference(repo) || revision !== undefined || path !== undefined) {
		throw new ClipSoupError("ERR_USAGE", `Cannot use --repo "${repo}": expected namespace/name`);
	}
}

const LIBRARIES: Readonly<Record<LayoutId, string>> = { openclip: "open_clip", timm: "timm", hf: "transformers" };

/** What the model's towers are for; a text tower alone has no task on the Hub that says enough. */
const TASKS = { both: "zero-shot-image-classification", image: "image-feature-extraction" } as const;

function keysOf({ family, model, history, ingredients }: SectionFacts): KeyChange[] {
	const hasText = model?.towers.includes("text");
	const task = model?.towers.includes("image") ? TASKS[hasText ? "both" : "image"] : undefined;
	const isSoup = history.soup !== undefined;
	const bases = [...new Set(ingredients.flatMap(({ repo }) => repo ?? []))];
	return [
		...(family === undefined ? [] : [set("library_name", LIBRARIES[family])]),
		...(task === undefined ? [] : [set("pipeline_tag", task)]),
		{ key: "tags", value: ["clip", "clip-soup", ...(isSoup ? ["model-soup", "merge"] : [])], how: "add" },
		...(bases.length === 0 ? [] : [set("base_model", bases)]),
		...(bases.length === 0 || !isSoup ? [] : [set("base_model_relation", "merge")]),
	];
}

function set(key: string, value: string | readonly string[]): KeyChange {
	return { key, value, how: "set" };
}

interface Licence {
	readonly value: readonly KeyChange[];
	readonly notices: readonly string[];
}

/** What was asked for; else what the card has; else what all ingredients have alike. */
function licenceOf({ ingredients }: SectionFacts, asked: string | undefined, existing: string | undefined): Licence {
	if (asked !== undefined) return { value: [set("license", asked)], notices: [] };
	if (existing !== undefined && readKey(existing, "license") !== undefined) return { value: [], notices: [] };
	const [first, ...others] = ingredients.map(({ license }) => license);
	if (first !== undefined && others.every((license) => license === first)) {
		return { value: [set("license", first)], notices: [] };
	}
	return { value: [], notices: [`the card names no licence: ${whyNone(ingredients)}; give one with --license`] };
}

function whyNone(ingredients: readonly Ingredient[]): string {
	const known = ingredients.flatMap(({ name, license }) => (license === undefined ? [] : [`${name} ${license}`]));
	if (known.length === 0) return "no licence of an ingredient is known";
	return known.length < ingredients.length
		? `only of some ingredients is it known (${known.join(", ")})`
		: `the ingredients differ (${known.join(", ")})`;
}

function lineageNotices({ ingredients }: SectionFacts): string[] {
	const quoted = (named: readonly Ingredient[]) => named.map(({ name }) => `"${name}"`).join(", ");
	const elsewhere = ingredients.filter(({ repo }) => repo === undefined);
	const moving = ingredients.filter(({ repo, revision }) => repo !== undefined && revision === undefined);
	return [
		...(elsewhere.length === 0
			? []
			: [`base_model leaves out what is not known to be on the Hub: ${quoted(elsewhere)}; --ingredients can name it`]),
		...(moving.length === 0
			? []
			: [`the card names no commit of ${quoted(moving)}: --ingredients hf:org/name@commit tells it`]),
	];
}

/** Parts of the section that was there and is not any more, since what they came from was not given again. */
function lostNotices(existing: string | undefined, section: string): string[] {
	const before = headings(existing === undefined ? "" : (sectionOf(existing) ?? ""));
	const lost = before.filter((heading) => GIVEN.includes(heading) && !headings(section).includes(heading));
	return lost.map((heading) => `the part "${heading}" of the card is gone: it was not given again`);
}

/** Parts that come from options. */
const GIVEN: readonly string[] = ["Evaluation", "Training"];

function headings(text: string): string[] {
	return [...text.matchAll(/^## (.*?)\r?$/gm)].map(([, heading = ""]) => heading);
}
