import { type Vision, visionTower } from "../architectures/vision.ts";
import { ClipSoupError } from "../errors.ts";
import type { Target } from "./index.ts";

/** The fault of an image tower of a family that a target has no names for. */
export function familyFault({ id, title }: Target, vision: Vision | undefined): ClipSoupError {
	const found = `found ${vision === undefined ? "none" : `a ${visionTower(vision).label()}`}`;
	return new ClipSoupError(
		"ERR_LAYOUT_MISMATCH",
		`Cannot write ${title}: ${found}, expected an image tower that it can hold`,
		{
			fix: "write a ViT as CLIPModel, a ConvNeXt or ResNet as vision and text folders",
			details: { target: id, family: vision?.family },
		},
	);
}

/** The fault of a tensor without which a target's model would compute something else. */
export function refusalFault(name: string, reason: string, { id, title }: Target): ClipSoupError {
	return new ClipSoupError("ERR_LAYOUT_MISMATCH", `Cannot write "${name}" as ${title}: ${reason}`, {
		fix: `clip-soup convert with --drop ${name} leaves it out, which changes what the model computes`,
		details: { name, target: id },
	});
}
