import { describe, expect, it } from "vitest";
import { f32, type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";
import { expectDone, expectSuccess, workspace } from "./expectations.ts";
import { f32Values, readSafetensors } from "./read-safetensors.ts";

const STRANGE = [
	"a/b",
	"../../etc/passwd",
	"/absolute",
	"C:\\nul",
	"..",
	"__proto__",
	"constructor",
	"toString",
	"hasOwnProperty",
	"0",
	"10",
	"9",
	"new\nline",
	"tab\tand nul\0",
	"a=b=c",
	" spaces ",
	"",
	"🍲.soup",
	"\uffff after \u{1f372}",
	'"quoted"',
	"x".repeat(5000),
];

/** Name → a value of its own, so that two tensors that change places are seen. */
function strangeTensors(base: number): Map<string, TestTensor> {
	return new Map(STRANGE.map((name, index) => [name, f32(base + index)]));
}

describe("tensor names of any kind", () => {
	it("are averaged one with its like, and written as they are", async () => {
		const { folder, path } = await workspace();
		await writeCheckpoint(path("in1.safetensors"), strangeTensors(0));
		await writeCheckpoint(path("in2.safetensors"), strangeTensors(100));
		expectSuccess(await runCli(["avg", "in1.safetensors", "in2.safetensors"], { cwd: folder }));
		const soup = await readSafetensors(path("soup.safetensors"));
		expect([...soup.tensors.keys()].sort()).toEqual(STRANGE.toSorted());
		for (const [index, name] of STRANGE.entries()) expect(f32Values(soup, name)).toEqual([50 + index]);
	});

	it("are listed by inspect, and by diff one with its like", async () => {
		const { folder, path } = await workspace();
		await writeCheckpoint(path("in1.safetensors"), strangeTensors(0));
		await writeCheckpoint(path("in2.safetensors"), strangeTensors(1));
		const inspected = await runCli(["inspect", "in1.safetensors", "--tensors", "--data", "--json"], { cwd: folder });
		expectDone(inspected);
		const { tensors } = JSON.parse(inspected.stdout).result;
		expect(tensors.map(({ name }: { name: string }) => name).sort()).toEqual(STRANGE.toSorted());

		const diff = await runCli(["diff", "in1.safetensors", "in2.safetensors", "--json"], { cwd: folder });
		expect(diff.exitCode).toBe(1);
		expect(JSON.parse(diff.stdout).result).toMatchObject({
			counts: { differs: STRANGE.length, equal: 0 },
			distance: { maxAbs: 1 },
		});
	});

	it("can be kept", async () => {
		const kept = ["0", "__proto__", "a=b=c", "constructor", "new\nline"];
		const { folder, path } = await workspace();
		await writeCheckpoint(path("in1.safetensors"), strangeTensors(0));
		await writeCheckpoint(path("in2.safetensors"), strangeTensors(100));
		const options = kept.flatMap((name) => ["--keep", `${name}=2`]);
		expectSuccess(await runCli(["avg", "in1.safetensors", "in2.safetensors", ...options], { cwd: folder }));
		const soup = await readSafetensors(path("soup.safetensors"));
		for (const name of kept) expect(f32Values(soup, name)).toEqual([100 + STRANGE.indexOf(name)]);
		const { keep } = JSON.parse(soup.metadata.clip_soup ?? "");
		expect(Object.entries(keep)).toEqual(kept.map((name) => [name, 2]));
		const { result } = JSON.parse((await runCli(["inspect", "soup.safetensors", "--json"], { cwd: folder })).stdout);
		expect(Object.entries(result.recipe.keep)).toEqual(kept.map((name) => [name, 2]));
	});
});

it("4,000 tensors are averaged and inspected", async () => {
	const { folder, path } = await workspace();
	const count = 4000;
	for (const base of [0, 2]) {
		const tensors = new Map(Array.from({ length: count }, (_, index) => [`t${index}`, f32(base + index)]));
		await writeCheckpoint(path(`in${base}.safetensors`), tensors);
	}
	expectSuccess(await runCli(["avg", "in0.safetensors", "in2.safetensors"], { cwd: folder }));
	const soup = await readSafetensors(path("soup.safetensors"));
	expect(soup.tensors.size).toBe(count);
	expect(Array.from({ length: count }, (_, index) => f32Values(soup, `t${index}`)[0])).toEqual(
		Array.from({ length: count }, (_, index) => index + 1),
	);
	const run = await runCli(["inspect", "soup.safetensors", "--tensors"], { cwd: folder });
	expectDone(run);
	expect(run.stdout.match(/^t\d+ +F32/gm)).toHaveLength(count);
});

describe("500 names of 16,000 characters that differ at their ends", () => {
	const named = (start: string, end: string) =>
		new Map(
			Array.from({ length: 500 }, (_, index) => [`${start.repeat(16_000 / start.length)}${index}${end}`, f32(index)]),
		);

	it.each(["x", "module."])("are compared in a moment: %s", async (start) => {
		const { folder, path } = await workspace();
		await writeCheckpoint(path("in1.safetensors"), named(start, ".weight"));
		await writeCheckpoint(path("in2.safetensors"), named(start, ".bias"));
		expectDone(await runCli(["inspect", "in1.safetensors"], { cwd: folder }));
		expect((await runCli(["avg", "in1.safetensors", "in2.safetensors"], { cwd: folder })).exitCode).toBe(3);
		expect((await runCli(["convert", "in1.safetensors", "--to", "hf", "-o", "hf"], { cwd: folder })).exitCode).toBe(3);
	});
});
