import { ClipSoupError } from "../errors.ts";
import { nearestName } from "../tensor/names.ts";
import { type Architecture, type ModelConfig, parseArchitecture } from "./architecture.ts";
import { disagreements, type VisiblePart } from "./disagreements.ts";
import { PRESET_CONFIGS, QUICK_GELU_PRESETS } from "./presets.ts";

/** A published CLIP under OpenCLIP's name. */
export interface Preset {
	readonly name: string;
	/** `model_cfg` as open_clip has it. */
	readonly config: ModelConfig;
	readonly architecture: Architecture;
}

/** Every preset by name: those of the table, and the `-quickgelu` forms derived from them. */
export const PRESETS: ReadonlyMap<string, Preset> = new Map(
	[
		...Object.entries<ModelConfig>(PRESET_CONFIGS),
		...QUICK_GELU_PRESETS.map((name): [string, ModelConfig] => [
			`${name}-quickgelu`,
			{ ...PRESET_CONFIGS[name], quick_gelu: true },
		]),
	].map(([name, config]) => [name, presetOf(name, config)]),
);

/** Parsed when it is asked for: all presets together would cost every command 30 ms. */
function presetOf(name: string, config: ModelConfig): Preset {
	return {
		name,
		config,
		get architecture() {
			return parseArchitecture(config);
		},
	};
}

/** The preset of a name. @throws {ClipSoupError} ERR_USAGE with the nearest name */
export function requirePreset(name: string): Preset {
	const preset = PRESETS.get(name);
	if (preset !== undefined) return preset;
	const nearest = nearestName(name, PRESETS.keys());
	throw new ClipSoupError("ERR_USAGE", `Cannot use --arch "${name}": found no such preset`, {
		fix: nearest === undefined ? "list them: clip-soup inspect --list-archs" : `did you mean "${nearest}"?`,
		details: { name },
	});
}

/** The presets that agree with everything that a checkpoint's shapes tell; several may differ in what they do not. */
export function matchingPresets(known: VisiblePart): readonly Preset[] {
	return [...PRESETS.values()].filter(({ architecture }) => disagreements(known, architecture).length === 0);
}
