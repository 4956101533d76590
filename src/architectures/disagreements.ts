import type { PartialArchitecture } from "./architecture.ts";
import type { VisibleArchitecture } from "./infer.ts";

/** A fact of which a checkpoint's shapes tell something else than a config. */
export interface Disagreement {
	/** `vision.width`, `text.layers`, `embedDim` … */
	readonly fact: string;
	readonly inferred: unknown;
	readonly configured: unknown;
}

/** What of an architecture is known. */
export type VisiblePart = { readonly [Fact in keyof VisibleArchitecture]?: VisibleArchitecture[Fact] | undefined };

/** The known facts in which `architecture` differs; none means that it may be the checkpoint's. */
export function disagreements(known: VisiblePart, architecture: Partial<PartialArchitecture>): readonly Disagreement[] {
	const configured = factsOf(architecture);
	return [...factsOf(known)]
		.map(([fact, inferred]) => ({ fact, inferred, configured: configured.get(fact) }))
		.filter((one) => one.inferred !== one.configured);
}

/** Every leaf of an object under its path; the items of a list are leaves of their own. */
function factsOf(value: object): ReadonlyMap<string, unknown> {
	const entries = Object.entries(value).flatMap(([key, child]: [string, unknown]): [string, unknown][] =>
		typeof child === "object" && child !== null
			? [...factsOf(child)].map(([path, leaf]) => [`${key}.${path}`, leaf])
			: [[key, child]],
	);
	return new Map(entries);
}
