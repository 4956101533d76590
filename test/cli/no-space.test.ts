import { statfs } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { publish } from "../hub/repositories.ts";
import { startHub } from "../support/hub/double.ts";
import { runCli } from "../support/run-cli.ts";
import { expectFailure, namesIn, UNTOUCHED, workspace } from "./expectations.ts";
import { writeSparse } from "./sparse.ts";

const AUGREG = resolve("fixtures/digits-clip/augreg");
/** In blocks of 512 or 1024 bytes, as the shell has it: less than the weights, more than a small file. */
const LIMIT = "ulimit -f 60";

it.each([
	{ output: "soup.safetensors", named: /soup\.safetensors": the limit on the size of a file is lower/ },
	{ output: "new/soup", named: /new\/soup\/open_clip_model\.safetensors"/ },
	{ output: ".", named: /open_clip_model\.safetensors"/ },
])("avg to $output leaves nothing when the limit on file sizes is reached", async ({ output, named }) => {
	const { folder } = await workspace();
	const run = await runCli(["avg", AUGREG, AUGREG, "-o", output], { cwd: folder, shell: LIMIT });
	expectFailure(run, { code: "ERR_NO_SPACE", says: [named], fix: /free space there, raise the limit/ });
	expect(run.stderr).not.toContain("soup.safetensors/soup.safetensors");
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("avg of inputs on the Hub leaves nothing when the limit on file sizes is reached", async () => {
	const double = await startHub();
	publish(double, "org/augreg", AUGREG);
	const { folder } = await workspace();
	const run = await runCli(["avg", "hf:org/augreg", "hf:org/augreg", "-o", "new/soup"], {
		cwd: folder,
		env: { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent" },
		shell: LIMIT,
	});
	expectFailure(run, {
		code: "ERR_NO_SPACE",
		says: [/new\/soup\/open_clip_model\.safetensors"/],
		fix: /free space there/,
	});
	expect(double.requests.map(({ route }) => route)).toContain("storage-get");
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("avg leaves nothing when the limit is reached by the second of its files", async () => {
	const { folder } = await workspace();
	const small = ["a.safetensors", "b.safetensors"];
	const run = await runCli(["avg", ...small, "-o", "out"], { cwd: folder, shell: "ulimit -f 0" });
	expectFailure(run, { code: "ERR_NO_SPACE", says: ["model.safetensors"], fix: /raise the limit/ });
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("avg refuses a soup larger than the free space before it writes anything", async (test) => {
	const { folder, path } = await workspace();
	const { bavail, bsize } = await statfs(folder);
	const byteLength = bavail * bsize + 2 ** 33;
	const isSparse = await writeSparse(path("huge.safetensors"), byteLength).then(
		() => true,
		() => false,
	);
	if (!isSparse) test.skip("the file system has no sparse file of this size");
	const run = await runCli(["avg", "huge.safetensors", "huge.safetensors", "-o", "new/soup"], { cwd: folder });
	expectFailure(run, {
		code: "ERR_NO_SPACE",
		says: [/Cannot write \d+ bytes/, /\d+ bytes are free, \d+ are missing/],
		fix: /free space there, or choose an -o on another disk/,
	});
	expect(await namesIn(folder)).toEqual([...UNTOUCHED, "huge.safetensors"]);
});
