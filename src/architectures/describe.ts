import type { PartialArchitecture } from "./architecture.ts";
import { profileArchitecture } from "./profile.ts";
import { visionTower } from "./vision.ts";

/** One line for people: `ConvNeXt-XXLarge 846.5 M @ 256 + text 24×1024 354.0 M, embed 1024`, or one tower of it. */
export function describeArchitecture(architecture: PartialArchitecture): string {
	const { vision, text, embedDim, quickGelu } = architecture;
	const { image: imageProfile, text: textProfile } = profileArchitecture(architecture);
	const towers = [
		...(vision ? [`${visionTower(vision).label()} ${inMillions(imageProfile.parameters)} @ ${vision.imageSize}`] : []),
		...(text ? [`text ${text.layers}×${text.width} ${inMillions(textProfile.parameters)}`] : []),
	];
	return `${towers.join(" + ")}, embed ${embedDim}${quickGelu ? ", QuickGELU" : ""}`;
}

function inMillions(parameters: number): string {
	return `${(parameters / 1e6).toFixed(1)} M`;
}
