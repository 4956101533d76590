import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";

/** As many as keep their names below the longest that is read, 16,383 characters. */
const TENSORS = 10_000;
const CAP = 100_000_000;
/** What a soup of two such files adds to their header: format and recipe. */
const RECIPE_ROOM = 10_000;

let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "clip-soup-header-"));
	await writeHeader("large.safetensors", CAP - RECIPE_ROOM);
	await writeHeader("full.safetensors", CAP);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file whose header has exactly so many bytes, nearly all of them in tensor names of 10 kB. */
async function writeHeader(file: string, byteLength: number): Promise<void> {
	const entries = (nameLength: number, longer = 0) =>
		Array.from({ length: TENSORS }, (_, index) => {
			const name = `${index}.`.padEnd(nameLength + (index < longer ? 1 : 0), "n");
			return `"${name}":{"dtype":"F32","shape":[1],"data_offsets":[${index * 4},${index * 4 + 4}]}`;
		});
	const rest = byteLength - entries(10).join(",").length - 2;
	const json = `{${entries(10 + Math.floor(rest / TENSORS), rest % TENSORS).join(",")}}`;
	const length = Buffer.alloc(8);
	length.writeBigUInt64LE(BigInt(byteLength));
	await using handle = await open(join(folder, file), "wx");
	await handle.writev([length, Buffer.from(json), Buffer.alloc(TENSORS * 4)]);
}

it("inspect reads a header of the largest length there is", async () => {
	const run = await runCli(["inspect", "full.safetensors", "--quiet"], { cwd: folder });
	expect(run).toMatchObject({ exitCode: 0, stderr: "" });
	expect(run.stdout).toContain(`tensors     ${TENSORS}`);
});

it("avg reads and writes headers of 99 MB", async () => {
	const run = await runCli(["avg", "large.safetensors", "large.safetensors", "-o", "soup.safetensors"], {
		cwd: folder,
	});
	expect(run).toMatchObject({ exitCode: 0, stderr: "" });
	const diff = await runCli(["diff", "soup.safetensors", "large.safetensors"], { cwd: folder });
	expect(diff.exitCode).toBe(0);
});

it("avg refuses a soup whose header would pass the cap, before it writes", async () => {
	const run = await runCli(["avg", "full.safetensors", "full.safetensors", "-o", "out/"], { cwd: folder });
	expect(run).toMatchObject({ exitCode: 3, stdout: "" });
	expect(run.stderr).toMatch(/error\[ERR_HEADER_TOO_LARGE\]: Cannot write .* expected at most 100000000/);
	await expect(open(join(folder, "out"))).rejects.toMatchObject({ code: "ENOENT" });
});
