import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { Tower } from "./canonical.ts";
import type { CarriedFact } from "./carried.ts";
import type { Rules } from "./rule.ts";
import type { Template } from "./template.ts";

/** A naming scheme of CLIP tensors as users ask for it, in the order tables list them. */
export type LayoutId = "openclip" | "timm" | "hf";

/** A bias that a layout's model has and OpenCLIP's has not, so that every element of it is 0. */
export interface ZeroBias {
	/** Its name. */
	readonly name: string;
	/** Name of the stored matrix whose bias it is: as many elements as that has rows, and of its dtype. */
	readonly weight: string;
	/** The fact by which OpenCLIP's model has it too, trained; undefined if it never has. */
	readonly fact?: CarriedFact;
}

/** The names of one tower in one form of a layout. */
export interface TowerTable extends Rules {
	readonly tower: Tower;
	/** The form in words: `ConvNeXt with an mlp head`. */
	readonly title: string;
	/** Whether the table is to be used to write this architecture's tower. */
	readonly writes: (architecture: PartialArchitecture) => boolean;
	readonly zeros: readonly ZeroBias[];
}

/** Names that say that a checkpoint is a model that clip-soup does not convert, and why. */
export interface Stranger {
	readonly name: Template;
	readonly reason: string;
}

/**
 * The tensor names of one kind of folder.
 *
 * A layout is data: for each tower the forms in which it is found, of which at most one is written for an
 * architecture. Reading and writing both follow the same rows.
 */
export interface Layout {
	readonly id: string;
	/** What `--to` calls it. */
	readonly family: LayoutId;
	/** For messages and evidence. */
	readonly title: string;
	readonly tables: readonly TowerTable[];
	/** Tensors of older versions and other wrappings that mean nothing to the function: dropped on reading. */
	readonly ignored: readonly Template[];
	readonly strangers: readonly Stranger[];
}

/** The towers that a layout can hold. */
export function towersHeld({ tables }: Layout): ReadonlySet<Tower> {
	return new Set(tables.map(({ tower }) => tower));
}

/** Whether a tensor of this name has a place in a table. */
export function isNameOf(table: TowerTable, name: string): boolean {
	if (table.zeros.some((zero) => zero.name === name)) return true;
	return table.rules.some(({ stored }) => stored.some((one) => one.fits(name)));
}
