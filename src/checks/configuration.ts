import type { Architecture } from "../architectures/architecture.ts";
import { disagreements } from "../architectures/disagreements.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import type { Preprocess } from "../layouts/preprocess.ts";
import type { Finding } from "../verification.ts";

/** What decides the function of a model besides its tensors. */
export interface FunctionFacts {
	readonly architecture: Architecture;
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

/** Facts of how tensors are named and shaped that do not change what is computed. */
const FORMS = { customText: false, nonscalarLogitScale: false } as const;

/** The facts in which two models differ that compute something else for it. */
export function functionFindings(found: FunctionFacts, expected: FunctionFacts, label: string): Finding[] {
	const differing = disagreements(flat(found), flat(expected)).filter(
		({ fact }) => !fact.startsWith("preprocess.") || (found.preprocess && expected.preprocess),
	);
	return differing.map(({ fact, inferred, configured }) => ({
		level: "error",
		message: `${fact} is ${String(inferred)}, ${label} has ${String(configured)}`,
		found: String(inferred),
		expected: String(configured),
		...causeOf(fact),
	}));
}

/** One tree of facts, so that every leaf has a path. */
function flat({ architecture, preprocess }: FunctionFacts) {
	return { ...architecture, ...FORMS, ...(preprocess && { preprocess }) };
}

function causeOf(fact: string): { readonly cause?: string } {
	const known = CAUSES.find((one) => one.fact.test(fact));
	return known === undefined ? {} : { cause: known.cause };
}

/** Sources of what is known of a model, but for its tensors and defaults, for the detail of a check. */
export function describeSources({ knowledge }: ClipModel): string {
	const sources = new Set([...knowledge.facts.values()].flatMap(({ from }) => from));
	return `${knowledge.facts.size} facts from ${[...sources].join(", ")} agree`;
}
