import { createHash } from "node:crypto";
import * as z from "zod";
import { changed, type OutgoingFile } from "./local-file.ts";

const lineSchema = z.discriminatedUnion("key", [
	z.object({ key: z.literal("header"), value: z.unknown() }),
	z.object({ key: z.literal("file"), value: z.object({ path: z.string(), content: z.base64() }) }),
	z.object({ key: z.literal("lfsFile"), value: z.object({ path: z.string(), oid: z.string() }) }),
	z.object({ key: z.literal("deletedFile"), value: z.object({ path: z.string() }) }),
]);

/**
 * Makes sure that a commit holds what was checked and nothing else, whoever put its lines together.
 *
 * @throws {ClipSoupError} ERR_INPUT_CHANGED if a file was written to since it was checked
 */
export function refuseOtherContent(
	lines: readonly unknown[],
	files: readonly OutgoingFile[],
	removed: readonly string[],
): void {
	const expected = new Map(files.map(({ path, sha256 }) => [path, sha256]));
	const left = new Set([...expected.keys(), ...removed]);
	for (const line of lines.map((each) => lineSchema.parse(each))) {
		if (line.key === "header") continue;
		const { path } = line.value;
		if (!left.delete(path)) throw new Error(`The commit holds "${path}", which is not in the plan`);
		if (line.key === "deletedFile") continue;
		const found = line.key === "lfsFile" ? line.value.oid : sha256Of(line.value.content);
		if (found !== expected.get(path)) throw changed(path);
	}
	if (left.size > 0) throw new Error(`The commit lacks ${[...left].join(", ")}`);
}

function sha256Of(base64: string): string {
	return createHash("sha256").update(Buffer.from(base64, "base64")).digest("hex");
}
