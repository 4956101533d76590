import * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import { firstIssue } from "../schema-issue.ts";

const entry = z.strictObject({
	dataset: z.string().min(1),
	/** Part of the dataset, such as `test`. */
	split: z.string().min(1).optional(),
	/** With its unit: `zero-shot top-1 (%)`. */
	metric: z.string().min(1),
	value: z.number(),
	/** Who measured it, and with what. */
	source: z.string().min(1).optional(),
});

const document = z.strictObject({ results: z.array(entry).min(1) });

/** One measured figure, as the author of the card tells it. */
export type EvaluationResult = z.infer<typeof entry>;

/**
 * Reads a file of evaluation results: `{ "results": [{ "dataset", "metric", "value", "split"?, "source"? }] }`.
 *
 * @throws {ClipSoupError} ERR_CONFIG_INVALID naming the field
 */
export function parseResults(text: string): readonly EvaluationResult[] {
	const { data, error } = document.safeParse(parseJson(text));
	if (data !== undefined) return data.results;
	const { field, expected } = firstIssue(error);
	throw invalid(`something else at ${field}`, expected);
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw invalid("no JSON", "an object with a list of results", cause);
	}
}

function invalid(found: string, expected: string, cause?: unknown): ClipSoupError {
	return new ClipSoupError(
		"ERR_CONFIG_INVALID",
		`Cannot use the evaluation results: found ${found}, expected ${expected}`,
		{ fix: 'write {"results": [{"dataset": "…", "split": "…", "metric": "…", "value": 79.4}]}', cause },
	);
}
