import { Staging } from "../output/staging.ts";
import { type FileTarget, type InputIdentity, refuseClashes, resolveFileTarget } from "../output/target.ts";
import type { Features } from "./features.ts";
import { type FeatureFormat, formatOf } from "./formats.ts";

/** Where features will be written, and how. */
export interface FeatureOutput {
	readonly target: FileTarget;
	readonly format: FeatureFormat;
	/** Replace a file that exists. */
	readonly force: boolean;
}

/**
 * Resolves `-o path` before anything is computed.
 *
 * @param kinds as for `formatOf`
 * @throws {ClipSoupError} ERR_USAGE, ERR_OUTPUT_NOT_WRITABLE, ERR_OUTPUT_IS_INPUT, ERR_OUTPUT_EXISTS
 */
export async function planFeatureOutput(
	path: string,
	kinds: number,
	options: { readonly inputs: readonly InputIdentity[]; readonly force: boolean },
): Promise<FeatureOutput> {
	const format = formatOf(path, kinds);
	const target = await resolveFileTarget(path);
	await refuseClashes(target, [target.name], options);
	return { target, format, force: options.force };
}

/** Writes features: the file appears complete or not at all. @throws {ClipSoupError} see `Staging` */
export async function writeFeatures(
	features: Features,
	{ target, format, force }: FeatureOutput,
	signal?: AbortSignal,
): Promise<void> {
	await using staging = await Staging.open(target, { force, fsync: true });
	staging.addBytes(target.name, format(features));
	await staging.commit(signal);
}
