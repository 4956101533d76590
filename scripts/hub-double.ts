import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { READER, WRITER } from "../test/support/hub/accounts.ts";
import { contentOf, contentOfFile } from "../test/support/hub/content.ts";
import { HubDouble } from "../test/support/hub/double.ts";
import { belongsToLfs } from "../test/support/hub/repository.ts";

/**
 * Runs the tests' double of the Hub for clients that are no test: `tsx scripts/hub-double.ts [org/name=FOLDER …]`
 *
 * Prints one line, JSON: its URL for HF_ENDPOINT, and tokens that may write and that may only read. Ends with its
 * standard input; what was published is gone then. Ends with 1 if a token reached storage.
 */
const double = new HubDouble();
await double.start();
for (const argument of process.argv.slice(2)) {
	const [id = "", path = ""] = argument.split("=");
	double.repository(id).add(Object.fromEntries(await Promise.all(filesAt(path))));
}
process.stdout.write(`${JSON.stringify({ endpoint: double.hubUrl, writer: WRITER, reader: READER })}\n`);
process.stdin.resume();
await once(process.stdin, "end");
await double.close();
for (const leak of double.leaks) process.stderr.write(`a token reached storage: ${leak}\n`);
process.exitCode = double.leaks.length === 0 ? 0 : 1;

/** A file, or all files below a folder, by their paths in the repository. */
function filesAt(path: string) {
	if (statSync(path).isFile()) return [entry(basename(path), path)];
	const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
	const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
	return paths.map((each) => entry(each.slice(path.length + 1), each));
}

async function entry(name: string, path: string) {
	const isLfs = belongsToLfs(name, statSync(path).size);
	return [name, isLfs ? await contentOfFile(path) : contentOf(readFileSync(path))] as const;
}
