import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const FIXTURES = "fixtures/tokenizer";

/** A text with the ids of both libraries, start and end id included. */
export interface TokenCase {
	readonly text: string;
	readonly open_clip: readonly number[];
	readonly hf: readonly number[];
	readonly same: boolean;
}

export async function readCases(): Promise<readonly TokenCase[]> {
	const { cases }: { cases: TokenCase[] } = JSON.parse(await readFile(join(FIXTURES, "cases.json"), "utf8"));
	return cases;
}

/** Puts CLIP's tokenizer into `folder`, as transformers saved it. */
export async function writeTokenizer(folder: string): Promise<void> {
	const packed = await readFile(join(FIXTURES, "tokenizer.json.gz"));
	await writeFile(join(folder, "tokenizer.json"), gunzipSync(packed));
	await copyFile(join(FIXTURES, "tokenizer_config.json"), join(folder, "tokenizer_config.json"));
}
