/** Version of the `--json` documents; raised when a field changes its meaning or goes away. */
const SCHEMA_VERSION = 1;

export type Outcome = "ok" | "findings" | "error";

/** The one document that `--json` prints. */
export interface JsonDocument {
	readonly command: string;
	readonly outcome: Outcome;
	readonly exitCode: number;
	readonly result?: unknown;
	readonly error?: unknown;
}

/** Prints the document on stdout. Dimensions above 2^53, which JSON numbers would change, become strings. */
export function printJson({ command, outcome, exitCode, result, error }: JsonDocument): void {
	const document = { schemaVersion: SCHEMA_VERSION, command, outcome, exitCode, result, error };
	const text = JSON.stringify(document, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value), 2);
	process.stdout.write(`${text}\n`);
}
