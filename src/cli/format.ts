/** `4.80 GB`: decimal units, three digits. */
export function formatBytes(byteLength: number): string {
	return scaled(byteLength, ["B", "kB", "MB", "GB", "TB"], 1);
}

/** `1.20 B` parameters: thousands, millions, billions. */
export function formatCount(count: number): string {
	return scaled(count, ["", "K", "M", "B", "T"], 1);
}

function scaled(value: number, units: readonly string[], exactBelow: number): string {
	let rest = value;
	let unit = 0;
	while (rest >= 999.5 && unit < units.length - 1) {
		rest /= 1000;
		unit++;
	}
	const digits = unit < exactBelow ? String(rest) : rest.toPrecision(3);
	return `${digits} ${units[unit]}`.trim();
}

/** A float64 as tables show it: four significant digits, integers and zero as they are. */
export function formatNumber(value: number): string {
	if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
	return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 ? value.toPrecision(4) : value.toExponential(3);
}

/** `3 tensors`, `1 tensor`. */
export function plural(count: number, noun: string): string {
	return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Seconds as people say them: `4 s`, `2 min 5 s`. */
export function formatDuration(seconds: number): string {
	const whole = Math.ceil(seconds);
	return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Rows as aligned columns, two spaces apart; numbers (by `right`) at the right of their column. */
export function formatTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
	const widths: number[] = [];
	for (const row of rows) {
		for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
	}
	return rows
		.map((row) =>
			row
				.map((cell, column) => {
					const space = " ".repeat((widths[column] ?? 0) - displayWidth(cell));
					return right.includes(column) ? space + cell : cell + space;
				})
				.join("  ")
				.trimEnd(),
		)
		.join("\n");
}

/** Code points, which is near enough for tensor names. */
function displayWidth(text: string): number {
	return [...text].length;
}

/** Text from a file as it is safe to show: control characters, which could move the cursor, as escapes. */
export function printable(text: string): string {
	return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) =>
		character
			.split("")
			.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
			.join(""),
	);
}
