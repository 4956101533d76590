import type { Architecture } from "./architecture.ts";
import { profileArchitecture } from "./profile.ts";
import { visionTower } from "./vision.ts";

/** One line for people: `ConvNeXt-XXLarge 846.5 M @ 256 + text 24×1024 354.0 M, embed 1024`. */
export function describeArchitecture(architecture: Architecture): string {
	const { vision, text, embedDim, quickGelu } = architecture;
	const { image: imageProfile, text: textProfile } = profileArchitecture(architecture);
	const image = `${visionTower(vision).label()} ${inMillions(imageProfile.parameters)} @ ${vision.imageSize}`;
	const words = `text ${text.layers}×${text.width} ${inMillions(textProfile.parameters)}`;
	return `${image} + ${words}, embed ${embedDim}${quickGelu ? ", QuickGELU" : ""}`;
}

function inMillions(parameters: number): string {
	return `${(parameters / 1e6).toFixed(1)} M`;
}
