import { TOWERS, type Tower } from "./canonical.ts";
import { LAYOUTS } from "./index.ts";
import { isNameOf, type Layout, type LayoutId, type TowerTable } from "./layout.ts";
import { wrapperOf } from "./wrappers.ts";

export type { LayoutId } from "./layout.ts";

/** How well a layout explains the names of a folder. */
export interface Evidence {
	readonly layout: string;
	/** `94 of 96 tensor names, such as "visual.proj"`; undefined if it explains none. */
	readonly for: string | undefined;
	/** `2 of 96 are buffers that no model needs, such as "attn_mask"`; undefined if it knows none of these. */
	readonly buffers: string | undefined;
	/** `2 of 96 are unknown to it, such as "fc.weight"`; undefined if it explains all. */
	readonly against: string | undefined;
}

/** The layout of a folder. */
export interface Recognition {
	readonly layout: Layout;
	/** One table for each tower that is there, in the form that explains most names. */
	readonly tables: readonly TowerTable[];
	/** Names as they are stored of buffers that mean nothing to the model. */
	readonly buffers: ReadonlySet<string>;
	/** Prefix of most names that is not the layout's: `module.`; empty if there is none. Those without it are no model's. */
	readonly wrapper: string;
	/** Of all layouts, the one that was recognised first. */
	readonly evidence: readonly Evidence[];
}

interface Candidate {
	readonly layout: Layout;
	readonly tables: readonly TowerTable[];
	readonly explained: ReadonlySet<string>;
	readonly buffers: readonly string[];
}

/** The layout that explains most of `names`; undefined if none explains any. */
export function recogniseLayout(names: Iterable<string>): Recognition | undefined {
	const all = [...names];
	const wrapper = wrapperOf(all);
	const bare = all.filter((name) => name.startsWith(wrapper)).map((name) => name.slice(wrapper.length));
	const candidates = LAYOUTS.map((layout) => explain(layout, bare)).sort((a, b) => b.explained.size - a.explained.size);
	const [best] = candidates;
	if (best === undefined || best.explained.size === 0) return undefined;
	const evidence = candidates.map((candidate) => evidenceOf(candidate, all, wrapper));
	const buffers = new Set(best.buffers.map((name) => `${wrapper}${name}`));
	return { layout: best.layout, tables: best.tables, buffers, wrapper, evidence };
}

function explain(layout: Layout, names: readonly string[]): Candidate {
	const chosen = TOWERS.flatMap((tower) => bestTable(layout, tower, names) ?? []);
	return {
		layout,
		tables: chosen.map(({ table }) => table),
		explained: new Set(chosen.flatMap(({ explained }) => explained)),
		buffers: names.filter((name) => layout.ignored.some((one) => one.fits(name))),
	};
}

function bestTable(layout: Layout, tower: Tower, names: readonly string[]) {
	const [best] = layout.tables
		.filter((table) => table.tower === tower)
		.map((table) => ({ table, explained: names.filter((name) => isNameOf(table, name)) }))
		.sort((a, b) => b.explained.length - a.explained.length);
	return best !== undefined && best.explained.length > 0 ? best : undefined;
}

function evidenceOf({ layout, explained, buffers }: Candidate, names: readonly string[], wrapper: string): Evidence {
	const placed = new Set([...explained, ...buffers].map((name) => `${wrapper}${name}`));
	const unknown = names.filter((name) => !placed.has(name));
	const [known] = explained;
	const [buffer] = buffers;
	return {
		layout: layout.title,
		for: known === undefined ? undefined : `${explained.size} of ${names.length} tensor names, such as "${known}"`,
		buffers:
			buffer === undefined
				? undefined
				: `${buffers.length} of ${names.length} are buffers that no model needs, such as "${buffer}"`,
		against:
			unknown[0] === undefined
				? undefined
				: `${unknown.length} of ${names.length} are unknown to it, such as "${unknown[0]}"`,
	};
}

/** File name under which a layout's own library looks for weights first. */
export function weightFileName(layout: LayoutId | undefined): string {
	return layout === "openclip" ? "open_clip_model.safetensors" : "model.safetensors";
}
