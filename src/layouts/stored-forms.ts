import type { NamedShape } from "../architectures/shapes.ts";
import type { Recognition } from "./detect.ts";
import type { Rule } from "./rule.ts";
import { SHAPE_CHANGES } from "./shape-change.ts";
import type { Values } from "./template.ts";

/** How folders store canonical tensors, for messages: the names and shapes that a look into the files shows. */
export interface StoredForms {
	/** Names of the stored tensors of a canonical one; undefined if no folder's layout has a place for it. */
	namesOf(name: string): readonly string[] | undefined;
	/** A canonical tensor as it is stored; itself where its layout could not store it. */
	formsOf(tensor: NamedShape): readonly NamedShape[];
}

/** The forms of folders by what they were recognised as. */
export function storedForms(recognitions: readonly (Recognition | undefined)[]): StoredForms {
	const placeOf = (name: string) => {
		for (const recognition of recognitions) {
			for (const rule of recognition?.tables.flatMap(({ rules }) => rules) ?? []) {
				const values = rule.canonical.match(name);
				if (values !== undefined) return { rule, values, wrapper: recognition?.wrapper ?? "" };
			}
		}
		return undefined;
	};
	return {
		namesOf: (name) => {
			const place = placeOf(name);
			return place?.rule.stored.map((one) => `${place.wrapper}${one.fill(place.values)}`);
		},
		formsOf: (tensor) => {
			const place = placeOf(tensor.name);
			const parts = place && storedParts(tensor, place.rule, place.values);
			return parts?.map(({ name, shape }) => ({ name: `${place?.wrapper}${name}`, shape })) ?? [tensor];
		},
	};
}

/** The stored tensors of a canonical one by its rule; undefined if its shape is none that the rule can store. */
export function storedParts(
	{ shape }: NamedShape,
	{ stored, change }: Rule,
	values: Values,
): readonly NamedShape[] | undefined {
	const [allRows, ...columns] = shape;
	const part =
		stored.length === 1 ? SHAPE_CHANGES[change].toStored(shape) : [Number(allRows) / stored.length, ...columns];
	return part && stored.map((one) => ({ name: one.fill(values), shape: part }));
}
