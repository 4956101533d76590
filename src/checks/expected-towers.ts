import type { ClipModel } from "../checkpoint/model.ts";
import { TOWERS, type Tower } from "../layouts/canonical.ts";
import type { Layout } from "../layouts/layout.ts";

/**
 * The towers that a model has to have. Of several folders each gives one; a folder on its own has all that its layout
 * stores, but for a Hugging Face text tower, which says nothing of an image tower.
 */
export function expectedTowers({ reading, knowledge }: ClipModel): ReadonlySet<Tower> {
	const [layout, ...others] = reading.recognitions.flatMap((recognition) => recognition?.layout ?? []);
	if (others.length > 0) return new Set(["image", "text"]);
	if (layout === undefined) return new Set();
	const isTextOnly = layout.id === "hf-clip" && !knowledge.facts.has("vision.family");
	return new Set(isTextOnly ? ["text"] : TOWERS.filter((tower) => stores(layout, tower)));
}

/** Whether a layout has names for a tower's tensors: timm's temperature is carried at most. */
function stores({ tables }: Layout, tower: Tower): boolean {
	return tables.some((table) => table.tower === tower && table.rules.length > 0);
}
