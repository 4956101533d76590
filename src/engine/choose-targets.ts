import { type ClipModel, towersIn } from "../checkpoint/model.ts";
import { ClipSoupError } from "../errors.ts";
import type { LayoutId } from "../layouts/detect.ts";
import { TARGETS, type TargetId } from "../layouts/index.ts";
import type { PlacedTarget } from "./canonical-product.ts";

/** What decides which form of a layout suits a model. */
interface Traits {
	readonly hasImage: boolean;
	readonly family: unknown;
	readonly hfDual: boolean;
}

const CHOICES: Readonly<Record<LayoutId, (traits: Traits) => TargetId>> = {
	openclip: () => "openclip",
	timm: () => "timm",
	// transformers has a CLIP class for ViTs only; other towers load through its wrapper of timm.
	hf: ({ hasImage, family, hfDual }) => {
		if (!hasImage) return "hf-text";
		return family === "vit" ? "hf-clip" : hfDual ? "hf-dual" : "hf-pair";
	},
};

/**
 * The targets of layouts for a model, each in a folder of its own if there are several.
 *
 * @throws {ClipSoupError} ERR_USAGE if there is none, one twice, or `hfDual` without a tower for it
 */
export function chooseTargets(
	{ knowledge, tensors }: Pick<ClipModel, "knowledge" | "tensors">,
	{ to, hfDual = false }: { readonly to: readonly LayoutId[]; readonly hfDual?: boolean | undefined },
): PlacedTarget[] {
	const family = knowledge.facts.get("vision.family")?.value;
	const hasImage = towersIn(tensors).has("image");
	if (to.length === 0 || new Set(to).size < to.length) {
		throw new ClipSoupError("ERR_USAGE", `Cannot convert to "${to.join(",")}": expected layouts, each once`, {
			fix: "choose from openclip, timm, hf: --to hf",
		});
	}
	if (hfDual && (!to.includes("hf") || family === "vit" || !hasImage)) {
		throw new ClipSoupError("ERR_USAGE", "Cannot use --hf-dual: it is a form of hf for image towers that are no ViT", {
			fix: "leave it out: a ViT becomes a CLIPModel",
		});
	}
	return to.map((layout) => ({
		target: TARGETS[CHOICES[layout]({ hasImage, family, hfDual })],
		root: to.length === 1 ? "" : layout,
	}));
}
