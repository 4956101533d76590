import { describeArchitecture } from "../architectures/describe.ts";
import { PRESETS, requirePreset } from "../architectures/index.ts";
import { profileArchitecture } from "../architectures/profile.ts";
import { toldArchitecture } from "../checkpoint/told-architecture.ts";
import { ClipSoupError } from "../errors.ts";
import { Hub } from "../hub/hub.ts";
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

/** `inspect --arch-config FILE`, without a checkpoint. @throws {ClipSoupError} as `toldArchitecture` */
export async function inspectConfig(archConfig: string): Promise<CommandResult> {
	const architecture = await toldArchitecture({ archConfig }, new Hub());
	const profile = profileArchitecture(architecture);
	const description = describeArchitecture(architecture);
	const text = `${formatTable([
		["config", printable(archConfig)],
		["model", description],
	])}\n\n${renderProfile(profile)}`;
	return { result: { config: archConfig, description, architecture, profile }, text, notices: [] };
}

/** `inspect --arch NAME`, without a checkpoint. @throws {ClipSoupError} ERR_USAGE */
export function inspectPreset(name: string | undefined): CommandResult {
	if (name === undefined) {
		const message = "Cannot inspect: found no checkpoint, no --arch and no --arch-config, expected one of them";
		throw new ClipSoupError("ERR_USAGE", message, { fix: "name a checkpoint: clip-soup inspect soup/" });
	}
	const { architecture, config } = requirePreset(name);
	const profile = profileArchitecture(architecture);
	const description = describeArchitecture(architecture);
	const text = `${formatTable([
		["preset", name],
		["model", description],
	])}\n\n${renderProfile(profile)}`;
	return { result: { preset: name, description, config, architecture, profile }, text, notices: [] };
}
