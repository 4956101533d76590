import { ClipSoupError, FaultsError, isClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type ClipModel, type ModelOptions, readModelWith } from "./model.ts";
import { throwAll } from "./open.ts";
import { toldByUser } from "./told.ts";

/** An input as it was given, and the checkpoints that make it up. */
export interface ModelInput {
	readonly path: string;
	readonly checkpoints: readonly Checkpoint[];
}

/**
 * Reads several inputs as models; what the user says of the architecture holds for all.
 *
 * @throws {ClipSoupError} all faults of all inputs, each with the number and path of its input
 */
export async function readModels(inputs: readonly ModelInput[], options: ModelOptions, hub: Hub): Promise<ClipModel[]> {
	const told = await toldByUser(options, hub);
	const outcomes = await Promise.allSettled(
		inputs.map(({ path, checkpoints }) => readModelWith(path, checkpoints, options, told)),
	);
	throwAll(
		"Cannot read all inputs",
		outcomes.flatMap((outcome, index) =>
			outcome.status === "rejected" ? [inInput(outcome.reason, index + 1, inputs[index]?.path ?? "")] : [],
		),
	);
	return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
}

/** The error with the input named in each of its faults. */
function inInput(error: unknown, input: number, path: string): unknown {
	if (!isClipSoupError(error)) return error;
	const named = ({ code, message, fix, details }: ClipSoupError) =>
		new ClipSoupError(code, `${message}, in input ${input} "${path}"`, {
			...(fix !== undefined && { fix }),
			details: { ...details, input },
			cause: error,
		});
	if (!(error instanceof FaultsError)) return named(error);
	const [first, ...others] = error.faults;
	return first === undefined ? error : new FaultsError(error.message, [named(first), ...others.map(named)]);
}
