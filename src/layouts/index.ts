import type { Tower } from "./canonical.ts";
import { HF_CLIP } from "./hf-clip.ts";
import { HF_DUAL } from "./hf-dual.ts";
import { type Layout, towersHeld } from "./layout.ts";
import { OPENCLIP } from "./openclip.ts";
import { TIMM } from "./timm.ts";

/** Every layout that a folder can have; where two explain a folder equally well, the first is taken. */
export const LAYOUTS: readonly Layout[] = [OPENCLIP, TIMM, HF_CLIP, HF_DUAL];

/** A folder of a target, below its root. */
export interface TargetFolder {
	/** `vision`, or empty for the root. */
	readonly name: string;
	readonly layout: Layout;
	readonly towers: ReadonlySet<Tower>;
}

/** What can be written: one folder, or a pair of them. */
export interface Target {
	readonly id: TargetId;
	readonly title: string;
	readonly folders: readonly TargetFolder[];
	/** Why its weights are one file always; undefined if its library reads shards. */
	readonly oneFile?: string;
}

/** The name of a target. */
export type TargetId = "openclip" | "timm" | "hf-clip" | "hf-pair" | "hf-dual" | "hf-text";

/**
 * Every target. The pair is for image towers that transformers has no class for: it loads `vision/` through its
 * TimmWrapper, and timm loads it too.
 */
export const TARGETS: Readonly<Record<TargetId, Target>> = {
	// Source: `load_checkpoint`, src/open_clip/factory.py @ 89fb801f.
	openclip: { ...singleFolder("openclip", OPENCLIP), oneFile: "open_clip reads no shards" },
	// It takes the first shard for the whole. Source: `load_state_dict_from_path`, timm/models/_hub.py @ aa4b5850.
	timm: { ...singleFolder("timm", TIMM), oneFile: "timm reads no shards" },
	"hf-clip": singleFolder("hf-clip", HF_CLIP),
	"hf-pair": {
		id: "hf-pair",
		title: "Hugging Face vision and text folders",
		folders: [
			{ name: "vision", layout: TIMM, towers: new Set(["image", "joint"]) },
			{ name: "text", layout: HF_CLIP, towers: new Set(["text"]) },
		],
	},
	"hf-dual": singleFolder("hf-dual", HF_DUAL),
	"hf-text": {
		id: "hf-text",
		title: "Hugging Face CLIPTextModelWithProjection",
		folders: [{ name: "", layout: HF_CLIP, towers: new Set(["text"]) }],
	},
};

function singleFolder(id: TargetId, layout: Layout): Target {
	return { id, title: layout.title, folders: [{ name: "", layout, towers: towersHeld(layout) }] };
}
