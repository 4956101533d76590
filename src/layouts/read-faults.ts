import { ClipSoupError } from "../errors.ts";
import { equalShapes, formatShape, type Shape } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { Recognition } from "./detect.ts";
import { LAYOUTS } from "./index.ts";
import type { Layout } from "./layout.ts";
import { isNameOf } from "./layout.ts";

/** The fault of a folder that no layout explains. */
export function unknownLayoutFault(label: string, tensors: readonly TensorInfo[]): ClipSoupError {
	const reason = tensors.map(({ name }) => reasonOf(name, LAYOUTS)).find((one) => one !== undefined);
	const found = reason ?? `found ${tensors.length} tensors, none with a name of ${LAYOUTS.map(titleOf).join(", ")}`;
	return new ClipSoupError("ERR_LAYOUT_MISMATCH", `Cannot read "${label}": ${found}, expected a CLIP`, {
		fix: "give a ViT, ConvNeXt or ResNet CLIP as OpenCLIP, timm or transformers write it",
		details: { path: label },
	});
}

/** The fault of a tensor without the prefix that most names have. */
export function unwrappedFault(stored: string, wrapper: string): ClipSoupError {
	const message = `Cannot place "${stored}": found no prefix "${wrapper}", expected it as before the names of the model`;
	return new ClipSoupError("ERR_TENSOR_EXTRA", message, {
		fix: `leave it out: clip-soup convert with --drop ${stored}`,
		details: { name: stored, wrapper },
	});
}

/** The fault of a tensor that has no place in its folder's layout; `name` is `stored` without a wrapper's prefix. */
export function strangerFault(stored: string, name: string, layout: Layout): ClipSoupError {
	const details = { name: stored, layout: layout.id };
	const reason = reasonOf(name, [layout]);
	if (reason !== undefined) {
		return new ClipSoupError("ERR_LAYOUT_MISMATCH", `Cannot convert "${stored}": ${reason}, expected a plain CLIP`, {
			fix: "convert it with its own library",
			details,
		});
	}
	const form = layout.tables.find((table) => isNameOf(table, name));
	if (form !== undefined) {
		const message = `Cannot place "${stored}": found a name of another form of ${layout.title}, "${form.title}"`;
		return new ClipSoupError("ERR_LAYOUT_MISMATCH", `${message}, expected one form of each tower in one folder`, {
			fix: `give the two forms as two folders, or leave it out: clip-soup convert with --drop ${stored}`,
			details,
		});
	}
	const owner = LAYOUTS.find(({ tables }) => tables.some((table) => isNameOf(table, name)));
	if (owner !== undefined) {
		const message = `Cannot place "${stored}": found a name of ${owner.title} beside those of ${layout.title}`;
		return new ClipSoupError("ERR_LAYOUT_MISMATCH", `${message}, expected one layout in one folder`, {
			fix: "give the two layouts as two folders",
			details,
		});
	}
	const message = `Cannot place "${stored}": found no such tensor in ${layout.title}, expected none but its own`;
	return new ClipSoupError("ERR_TENSOR_EXTRA", message, {
		fix: `leave it out: clip-soup convert with --drop ${stored}`,
		details,
	});
}

/** Faults of biases that must be zero and have not one element for each row of their matrix. */
export function zeroShapeFaults({ tables, wrapper }: Recognition, tensors: readonly TensorInfo[]): ClipSoupError[] {
	const wrapped = tensors.filter(({ name }) => name.startsWith(wrapper));
	const shapes = new Map<string, Shape>(wrapped.map(({ name, shape }) => [name.slice(wrapper.length), shape]));
	return tables
		.flatMap(({ zeros }) => zeros)
		.flatMap(({ name, weight }) => {
			const found = shapes.get(name);
			const expected = shapes.get(weight)?.slice(0, 1);
			if (found === undefined || expected === undefined || equalShapes(found, expected)) return [];
			const message = `Cannot read "${name}": found ${formatShape(found)}, expected ${formatShape(expected)}`;
			return [
				new ClipSoupError("ERR_SHAPE_MISMATCH", `${message}, the rows of "${weight}"`, {
					fix: "give a checkpoint as its library wrote it",
					details: { name, found: formatShape(found), expected: formatShape(expected) },
				}),
			];
		});
}

/** The fault of a bias of `Reading.zeros` in which an element is not 0. */
export function trainedBiasFault(name: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_VALUE_MISMATCH",
		`Cannot convert "${name}": found an element that is not 0, expected a projection without a bias`,
		{ fix: trainedBiasFix(name), details: { tensor: name } },
	);
}

/** What to do about a bias of `Reading.zeros` in which an element is not 0. */
export function trainedBiasFix(name: string): string {
	const zeros = LAYOUTS.flatMap(({ tables }) => tables).flatMap((table) => table.zeros);
	const isTrainable = zeros.some((zero) => zero.fact !== undefined && name.endsWith(zero.name));
	return isTrainable
		? "if the CLIP was trained with it, give OpenCLIP's configuration, with timm_proj_bias: true, as --arch-config; a head that was fine-tuned later is no CLIP projection"
		: `a head that was fine-tuned is no CLIP projection; leave its bias out with --drop ${name}`;
}

function reasonOf(name: string, layouts: readonly Layout[]): string | undefined {
	return layouts.flatMap(({ strangers }) => strangers).find((one) => one.name.fits(name))?.reason;
}

function titleOf({ title }: Layout): string {
	return title;
}
