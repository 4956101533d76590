import type { PartialArchitecture } from "../architectures/architecture.ts";
import { disagreements } from "../architectures/disagreements.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { OPENCLIP_CUSTOM_TEXT } from "../layouts/openclip.ts";
import type { Preprocess } from "../layouts/preprocess.ts";
import { counted } from "../reports/plain-text.ts";
import type { Finding } from "../verification.ts";
import { shortPaths } from "./short-paths.ts";

/** What decides the function of a model besides its tensors. */
export interface FunctionFacts {
	readonly architecture: PartialArchitecture;
	/** Undefined where no configuration tells it. */
	readonly preprocess: Preprocess | undefined;
}

/** What fields that libraries call otherwise are about, for the cause of a difference. */
const CAUSES: readonly { readonly fact: RegExp; readonly cause: string }[] = [
	{ fact: /^quickGelu$/, cause: "quick_gelu mix-up" },
	{ fact: /heads$/, cause: "wrong head count" },
	{ fact: /eps$/, cause: "wrong eps" },
	{ fact: /^preprocess\.(mean|std)/, cause: "wrong normalisation of pictures" },
	{ fact: /^preprocess\./, cause: "wrong preprocessing of pictures" },
];

/** The facts in which two models differ that compute something else for it, of the towers that both have. */
export function functionFindings(found: FunctionFacts, expected: FunctionFacts, label: string): Finding[] {
	const parts = sharedParts(found.architecture, expected.architecture);
	return disagreements(factsOf(found, parts), factsOf(expected, parts)).map(({ fact, inferred, configured }) => ({
		level: "error",
		message: `${fact} is ${String(inferred)}, ${label} has ${String(configured)}`,
		found: String(inferred),
		expected: String(configured),
		...causeOf(fact),
	}));
}

/** What two models can be compared in. */
interface SharedParts {
	readonly image: boolean;
	readonly text: boolean;
	/** Whether a tower that both have depends on it. */
	readonly quickGelu: boolean;
}

function sharedParts(a: PartialArchitecture, b: PartialArchitecture): SharedParts {
	const image = a.vision !== undefined && b.vision !== undefined;
	const text = a.text !== undefined && b.text !== undefined;
	return { image, text, quickGelu: text || (image && a.vision.family === "vit") };
}

/** One tree of facts, so that every leaf has a path; without the forms of names and shapes, which change no function. */
function factsOf({ architecture, preprocess }: FunctionFacts, { image, text, quickGelu }: SharedParts) {
	return {
		embedDim: architecture.embedDim,
		...(quickGelu && { quickGelu: architecture.quickGelu }),
		...(image && text && { logitBias: architecture.logitBias }),
		...(image && { vision: architecture.vision, preprocess }),
		...(text && { text: architecture.text }),
	};
}

function causeOf(fact: string): { readonly cause?: string } {
	const known = CAUSES.find((one) => one.fact.test(fact));
	return known === undefined ? {} : { cause: known.cause };
}

/** What keeps open_clip from loading the files as they are, although they tell of one model. */
export function loadingFindings({ reading, knowledge }: ClipModel): Finding[] {
	const isUnderText = reading.recognitions.some((one) => one?.tables.includes(OPENCLIP_CUSTOM_TEXT));
	if (!isUnderText || knowledge.facts.get("customText")?.value !== false) return [];
	return [
		{
			level: "error",
			message:
				"the text tower is under `text.`, where open_clip looks for it only if custom_text is true; clip-soup convert --to openclip puts it at top level",
		},
	];
}

/** Where what is known of a model comes from, for the detail of a check. */
export function describeSources(model: ClipModel): string {
	const { facts } = model.knowledge;
	const sources = new Set([...facts.values()].flatMap(({ from }) => from));
	return `${counted(facts.size, "fact")} agree, from ${shortPaths([...sources].join(", "), model)}`;
}
