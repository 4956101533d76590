import { describeArchitecture } from "../architectures/describe.ts";
import { PRESETS, requirePreset } from "../architectures/index.ts";
import { profileArchitecture } from "../architectures/profile.ts";
import { architectureToldByUser } from "../checkpoint/told.ts";
import { ClipSoupError } from "../errors.ts";
import { Hub } from "../hub/hub.ts";
import type { Watch } from "../progress.ts";
import { formatTable, printable } from "./format.ts";
import { renderProfile } from "./model.ts";
import type { CommandResult } from "./run.ts";

/** `inspect --list-archs` */
export function listPresets(): CommandResult {
	const presets = [...PRESETS.values()].map(({ name, architecture }) => ({
		name,
		description: describeArchitecture(architecture),
	}));
	const text = formatTable(presets.map(({ name, description }) => [name, description]));
	return { result: { presets }, text: `${text}\n`, notices: [] };
}

/** What `inspect` is told in place of a checkpoint. */
interface Told {
	readonly arch?: string | undefined;
	readonly archConfig?: readonly string[] | undefined;
	readonly data: boolean;
	readonly tensors: boolean;
}

/** `inspect --arch NAME` or `--arch-config FILE`, without a checkpoint. @throws {ClipSoupError} ERR_USAGE */
export async function inspectArchitecture({ arch, archConfig, ...flags }: Told, watch: Watch): Promise<CommandResult> {
	if (arch === undefined && archConfig === undefined) {
		const found = "found no checkpoint, no --arch and no --arch-config";
		throw new ClipSoupError("ERR_USAGE", `Cannot inspect: ${found}, expected one of them`, {
			fix: "name a checkpoint: clip-soup inspect soup/",
		});
	}
	for (const flag of ["data", "tensors"] as const) {
		if (flags[flag]) {
			throw new ClipSoupError("ERR_USAGE", `Cannot use --${flag}: found no checkpoint, expected one`, {
				fix: "name the checkpoint, or leave the flag away",
			});
		}
	}
	const architecture = await architectureToldByUser({ arch, archConfig }, new Hub(watch));
	const config = arch === undefined ? undefined : requirePreset(arch).config;
	const profile = profileArchitecture(architecture);
	const description = describeArchitecture(architecture);
	const text = `${formatTable([
		...(arch === undefined ? [] : [["preset", arch]]),
		...(archConfig ?? []).map((file) => ["config", printable(file)]),
		["model", description],
	])}\n\n${renderProfile(profile)}`;
	return { result: { preset: arch, description, config, architecture, profile }, text, notices: [] };
}
