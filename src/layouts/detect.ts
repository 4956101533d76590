/** A naming scheme of CLIP tensors, in the order tables list them. */
export type LayoutId = "openclip" | "timm" | "hf";

/**
 * Names that only one layout has, at the start of a tensor name.
 *
 * Sources: open_clip `src/open_clip/model.py` (CLIP, CustomTextCLIP), timm `vision_transformer.py`, `convnext.py`,
 * `byobnet.py`, transformers `models/clip/modeling_clip.py`.
 */
const SIGNS: Readonly<Record<LayoutId, readonly string[]>> = {
	openclip: ["visual.", "text.token_embedding", "transformer.resblocks.", "token_embedding.weight"],
	timm: ["stem.", "patch_embed.", "blocks.", "stages."],
	hf: ["vision_model.", "text_model.", "visual_projection.", "embeddings.", "encoder.", "convnext."],
};

/** The layout whose signs more tensor names bear than any other's; undefined if no name bears one. */
export function detectLayout(names: Iterable<string>): LayoutId | undefined {
	const votes: Record<LayoutId, number> = { openclip: 0, timm: 0, hf: 0 };
	for (const name of names) {
		for (const layout of LAYOUTS) if (SIGNS[layout].some((sign) => name.startsWith(sign))) votes[layout]++;
	}
	const best = LAYOUTS.reduce((a, b) => (votes[b] > votes[a] ? b : a));
	return votes[best] > 0 ? best : undefined;
}

const LAYOUTS: readonly LayoutId[] = ["openclip", "timm", "hf"];

/** File name under which a layout's own library looks for weights first. */
export function weightFileName(layout: LayoutId | undefined): string {
	return layout === "openclip" ? "open_clip_model.safetensors" : "model.safetensors";
}
