import { ClipSoupError } from "../errors.ts";
import { Hub } from "../hub/hub.ts";
import { isHubReference, parseHubReference } from "../hub/reference.ts";
import type { LayoutId } from "../layouts/detect.ts";
import type { Watch } from "../progress.ts";
import { markdown } from "../reports/markdown.ts";
import { type KeyChange, mergeFrontMatter } from "./front-matter.ts";
import { type CardContext, gatherFacts } from "./gather.ts";
import { EVALUATION, TRAINING } from "./given-parts.ts";
import type { Ingredient } from "./ingredients.ts";
import { type ChosenLicence, chooseLicence, licenceIn } from "./licence.ts";
import { holdsMarker, placeSection, sectionOf } from "./place-section.ts";
import { parseResults } from "./results.ts";
import { composeSection, evaluationTable, type SectionFacts } from "./section.ts";

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
	const { existing } = contents;
	const context = { hub: new Hub(watch), earlier: existing === undefined ? [] : [existing] };
	const { text, notices } = await composeCard(folder, contents, context);
	return { text, notices };
}

export interface ComposedCard extends Card {
	readonly licence: ChosenLicence;
}

/** The card as `cardFor` composes it, and what is told of its licence. @throws {ClipSoupError} as `cardFor` */
export async function composeCard(folder: string, contents: CardContents, context: CardContext): Promise<ComposedCard> {
	const { license, repo, existing, notes, results } = contents;
	refuseIds(license, repo);
	refuseMarkers(notes);
	const { sources, parts, licences, ...facts } = await gatherFacts(folder, contents.ingredients, context);
	const written = existing === undefined ? undefined : licenceIn(existing);
	const licence = chooseLicence(licences, { asked: license, written });
	const told: SectionFacts = {
		...sources,
		...facts,
		evaluation: results === undefined ? parts.evaluation : evaluationTable(parseResults(results)),
		notes: notes === undefined ? parts.training : notes.trim() || undefined,
	};
	const section = composeSection(told);
	const title = `# Model card for ${markdown(repo?.split("/")[1] ?? sources.name)}`;
	const body = placeSection(existing?.trim() ? existing : `${title}\n`, section);
	const kept = notes === undefined ? [EVALUATION, TRAINING] : [EVALUATION];
	const lost = lostNotices(kept, context.earlier, section);
	return {
		text: mergeFrontMatter(body, keysOf(told, licence)),
		licence,
		notices: [...sources.notices, ...licence.notices, ...lineageNotices(told), ...lost],
	};
}

function refuseMarkers(notes: string | undefined): void {
	if (notes === undefined || !holdsMarker(notes)) return;
	const message = "Cannot use the notes: found a marker of clip-soup in them, expected none";
	throw new ClipSoupError("ERR_CONFIG_INVALID", message, { fix: "take the marker out" });
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

function keysOf({ family, model, history, ingredients }: SectionFacts, { license }: ChosenLicence): KeyChange[] {
	const hasText = model?.towers.includes("text");
	const task = model?.towers.includes("image") ? TASKS[hasText ? "both" : "image"] : undefined;
	const isSoup = history.soup !== undefined;
	const bases = [...new Set(ingredients.flatMap(({ repo }) => repo ?? []))];
	return [
		...(license === undefined ? [] : [set("license", license)]),
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

/** Parts of earlier sections that are not there any more, though nothing was given in their place. */
function lostNotices(parts: readonly string[], cards: readonly string[], section: string): string[] {
	const before = new Set(cards.flatMap((card) => headings(sectionOf(card) ?? "")));
	const lost = parts.filter((heading) => before.has(heading) && !headings(section).includes(heading));
	return lost.map(
		(heading) => `the part "${heading}" of the card is gone: no lock tells that it is of these weights; give it again`,
	);
}

function headings(text: string): string[] {
	return [...text.matchAll(/^## (.*?)\r?$/gm)].map(([, heading = ""]) => heading);
}
