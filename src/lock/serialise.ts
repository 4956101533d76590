import type { Lock } from "./schema.ts";

/** Depth of values that are written on a line of their own, without a break. */
const INLINE_DEPTH = 2;

/**
 * A lock as the text of its file: keys sorted, one tensor a line, so that a change shows as the lines it is in.
 *
 * The same lock always gives the same bytes.
 */
export function serialiseLock(lock: Lock): string {
	return `${write(lock, 0)}\n`;
}

function write(value: unknown, depth: number): string {
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const isArray = Array.isArray(value);
	const parts = isArray
		? value.map((element: unknown) => write(element, depth + 1))
		: Object.entries(value)
				.filter(([, member]) => member !== undefined)
				.sort(([a], [b]) => (a < b ? -1 : 1))
				.map(([key, member]) => `${JSON.stringify(key)}: ${write(member, depth + 1)}`);
	const [open, close] = isArray ? ["[", "]"] : ["{", "}"];
	if (parts.length === 0) return open + close;
	if (depth >= INLINE_DEPTH) return isArray ? `[${parts.join(", ")}]` : `{ ${parts.join(", ")} }`;
	const indent = "\t".repeat(depth + 1);
	return `${open}\n${parts.map((part) => indent + part).join(",\n")}\n${"\t".repeat(depth)}${close}`;
}
