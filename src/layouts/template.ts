interface Placeholder {
	readonly variable: string;
	readonly pattern: string;
	/** What a name's number is more than the variable's value. */
	readonly offset?: number;
}

const INDEX = "(0|[1-9][0-9]*)";

/** What may stand in a template for a part of a name. */
const PLACEHOLDERS: Readonly<Record<string, Placeholder>> = {
	// Index of a block or stage, and the same counted from one.
	"{i}": { variable: "i", pattern: INDEX },
	"{j}": { variable: "j", pattern: INDEX },
	"{i+1}": { variable: "i", pattern: "([1-9][0-9]*)", offset: 1 },
	// Tensors of an affine layer, and of a BatchNorm.
	"{x}": { variable: "x", pattern: "(weight|bias)" },
	"{n}": { variable: "n", pattern: "(weight|bias|running_mean|running_var|num_batches_tracked)" },
	// The rest of a name that is recognised, never written.
	"{rest}": { variable: "rest", pattern: "(.+)" },
};

const ANY_PLACEHOLDER = /(\{[^}]*\})/;

/** Values of a template's variables in one name. */
export type Values = ReadonlyMap<string, string>;

/** Tensor names of one form: `blocks.{i}.norm1.{x}`. */
export interface Template {
	readonly text: string;
	/** Whether `name` is of this form. */
	fits(name: string): boolean;
	/** The variables' values in `name`; undefined if it is not of this form. */
	match(name: string): Values | undefined;
	/** The name that has these values: the inverse of `match`. */
	fill(values: Values): string;
}

/** Compiles a template; its text outside of placeholders is letters, digits, `_` and `.`. */
export function template(text: string): Template {
	const pieces = text.split(ANY_PLACEHOLDER);
	const placeholders = pieces.flatMap((piece) => PLACEHOLDERS[piece] ?? []);
	const source = pieces.map((piece) => PLACEHOLDERS[piece]?.pattern ?? piece.replaceAll(".", "\\."));
	const regex = new RegExp(`^${source.join("")}$`);
	const start = pieces[0] ?? "";
	return {
		text,
		// Most names differ at the start, and comparing strings is many times cheaper than running the expression.
		fits: (name) => name.startsWith(start) && regex.test(name),
		match: (name) => {
			const captured = name.startsWith(start) ? regex.exec(name) : null;
			if (captured === null) return undefined;
			return new Map(placeholders.map((one, index) => [one.variable, shift(one, captured[index + 1] ?? "", -1)]));
		},
		fill: (values) => pieces.map((piece) => filled(piece, values)).join(""),
	};
}

function filled(piece: string, values: Values): string {
	const placeholder = PLACEHOLDERS[piece];
	return placeholder === undefined ? piece : shift(placeholder, values.get(placeholder.variable) ?? "", 1);
}

function shift({ offset }: Placeholder, value: string, sign: 1 | -1): string {
	return offset === undefined ? value : String(Number(value) + sign * offset);
}
