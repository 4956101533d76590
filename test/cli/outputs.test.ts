import { chmod, cp, link, lstat, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";
import { asOrdinaryUser, expectFailure, expectSuccess, namesIn, UNTOUCHED, workspace } from "./expectations.ts";
import { f32Values, readSafetensors } from "./read-safetensors.ts";

const AB = ["avg", "a.safetensors", "b.safetensors"];
const FOLDER_OUTPUT = ["out", "out/model.safetensors", "out/soup.json"];

describe("avg -o FILE", () => {
	it("refuses a file whose folder does not exist and tells how to make it", async () => {
		const { folder } = await workspace();
		const run = await runCli([...AB, "-o", "no/where/soup.safetensors"], { cwd: folder });
		expectFailure(run, {
			code: "ERR_OUTPUT_NOT_WRITABLE",
			says: ["no/where/soup.safetensors", 'folder "no/where" does not exist'],
			fix: /mkdir -p no\/where/,
		});
		expect(await namesIn(folder)).toEqual(UNTOUCHED);
	});

	it("refuses a name that exists and leaves what it holds", async () => {
		const { folder, path } = await workspace();
		await writeFile(path("soup.safetensors"), "mine");
		const run = await runCli(AB, { cwd: folder });
		expectFailure(run, { code: "ERR_OUTPUT_EXISTS", says: ['"soup.safetensors" exists'], fix: /--force/ });
		expect(await readFile(path("soup.safetensors"), "utf8")).toBe("mine");
		expectSuccess(await runCli([...AB, "--force"], { cwd: folder }));
		expect(f32Values(await readSafetensors(path("soup.safetensors")), "weight")).toEqual([2, 4]);
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, "soup.safetensors"]);
	});

	it("refuses the name of a folder", async () => {
		const { folder, path } = await workspace();
		await mkdir(path("out.safetensors"));
		const run = await runCli([...AB, "-o", "out.safetensors", "--force"], { cwd: folder });
		expectFailure(run, { code: "ERR_OUTPUT_EXISTS", says: ["a folder of that name exists"], fix: /name a file/ });
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, "out.safetensors"]);
	});

	it("refuses a dangling symlink as a name that exists, and --force replaces the link, not its target", async () => {
		const { folder, path } = await workspace();
		await symlink("elsewhere.safetensors", path("soup.safetensors"));
		expectFailure(await runCli(AB, { cwd: folder }), { code: "ERR_OUTPUT_EXISTS", says: ["soup"], fix: /--force/ });
		expectSuccess(await runCli([...AB, "--force"], { cwd: folder }));
		expect((await lstat(path("soup.safetensors"))).isFile()).toBe(true);
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, "soup.safetensors"]);
	});

	it("writes under a name as long as the file system takes", async () => {
		const { folder } = await workspace();
		const name = `${"é".repeat(120)}.safetensors`;
		expectSuccess(await runCli([...AB, "-o", name], { cwd: folder }));
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, name]);
	});

	it("refuses a folder without write permission, naming the output once", async () => {
		const { folder, path } = await workspace();
		await mkdir(path("locked"), { mode: 0o555 });
		const run = await runCli([...AB, "-o", "locked/soup.safetensors"], { cwd: folder, ...asOrdinaryUser() });
		expectFailure(run, {
			code: "ERR_OUTPUT_NOT_WRITABLE",
			says: [/locked\/soup\.safetensors": no permission/],
			fix: /permissions/,
		});
		expect(run.stderr).not.toContain("soup.safetensors/soup.safetensors");
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, "locked"]);
	});
});

describe("an output that is an input is refused even with --force", () => {
	const FIX = /inputs are never overwritten/;

	it.each([
		{ form: "the input itself", make: async () => "a.safetensors" },
		{ form: "another path to it", make: async () => "./x/../a.safetensors" },
		{
			form: "a symlink to it",
			make: async (folder: string) => {
				await symlink("a.safetensors", `${folder}/link.safetensors`);
				return "link.safetensors";
			},
		},
		{
			form: "a hard link to it",
			make: async (folder: string) => {
				await link(`${folder}/b.safetensors`, `${folder}/hard.safetensors`);
				return "hard.safetensors";
			},
		},
	])("as $form", async ({ make }) => {
		const { folder, a, b } = await workspace();
		const before = await Promise.all([a, b].map((file) => readFile(file)));
		const output = await make(folder);
		const names = await namesIn(folder);
		const run = await runCli([...AB, "-o", output, "--force"], { cwd: folder });
		expectFailure(run, { code: "ERR_OUTPUT_IS_INPUT", says: [/it is the input "[ab]\.safetensors"/], fix: FIX });
		expect(await Promise.all([a, b].map((file) => readFile(file)))).toEqual(before);
		expect(await namesIn(folder)).toEqual(names);
	});

	it.each(["in", "in/", "link/"])("as the input folder, named %s", async (output) => {
		const { folder, a, path } = await workspace();
		await mkdir(path("in"));
		await cp(a, path("in", "epoch.safetensors"));
		await symlink("in", path("link"));
		const names = await namesIn(folder);
		const run = await runCli(["avg", "in", "in", "-o", output, "--force"], { cwd: folder });
		expectFailure(run, { code: "ERR_OUTPUT_IS_INPUT", says: ['it is the input "in"'], fix: FIX });
		expect(await namesIn(folder)).toEqual(names);
	});

	it("as a file in the output folder", async () => {
		const { folder, a, path } = await workspace();
		await mkdir(path("in"));
		await cp(a, path("in", "model.safetensors"));
		const run = await runCli(["avg", "in/model.safetensors", "-o", "in", "--force"], { cwd: folder });
		expectFailure(run, { code: "ERR_OUTPUT_IS_INPUT", says: ["in/model.safetensors"], fix: FIX });
		expect(await readFile(path("in", "model.safetensors"))).toEqual(await readFile(a));
	});
});

describe("avg -o FOLDER", () => {
	it("makes the folder and its parents", async () => {
		const { folder, path } = await workspace();
		expectSuccess(await runCli([...AB, "-o", "x/y/out"], { cwd: folder }), [/no configuration or tokenizer is copied/]);
		expect(await namesIn(path("x", "y"))).toEqual(FOLDER_OUTPUT);
	});

	it("removes the parents it made when it fails", async () => {
		const { folder, write } = await workspace();
		await write("nan.safetensors", { weight: { dtype: "F32", shape: [2], values: [Number.NaN, 1] } });
		const run = await runCli(["avg", "nan.safetensors", "-o", "x/y/out"], { cwd: folder });
		expectFailure(run, { code: "ERR_NON_FINITE", says: ["nan.safetensors"], fix: /--allow-nonfinite/ });
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, "nan.safetensors"]);
	});

	it("lists every name that exists, and --force replaces exactly these", async () => {
		const { folder, path } = await workspace();
		await mkdir(path("out"));
		for (const name of ["model.safetensors", "soup.json", "notes.txt", "config.json"]) {
			await writeFile(path("out", name), "mine");
		}
		const names = await namesIn(folder);
		const run = await runCli([...AB, "-o", "out"], { cwd: folder });
		expectFailure(run, { code: "ERR_OUTPUT_EXISTS", says: ['"model.safetensors", "soup.json" exist'], fix: /--force/ });
		expect(await namesIn(folder)).toEqual(names);

		expectSuccess(await runCli([...AB, "-o", "out", "--force"], { cwd: folder }), [/no configuration/]);
		expect(await namesIn(folder)).toEqual(names);
		expect(f32Values(await readSafetensors(path("out", "model.safetensors")), "weight")).toEqual([2, 4]);
		for (const name of ["notes.txt", "config.json"]) expect(await readFile(path("out", name), "utf8")).toBe("mine");
	});

	it("adds to a folder that holds other files", async () => {
		const { folder, path } = await workspace();
		await mkdir(path("out"));
		await writeFile(path("out", "notes.txt"), "mine");
		expectSuccess(await runCli([...AB, "-o", "out"], { cwd: folder }), [/no configuration/]);
		expect(await namesIn(path("out"))).toEqual(["model.safetensors", "notes.txt", "soup.json"]);
	});

	it("refuses a file in the place of the folder", async () => {
		const { folder, path } = await workspace();
		await writeFile(path("out"), "mine");
		const run = await runCli([...AB, "-o", "out", "--force"], { cwd: folder });
		expectFailure(run, { code: "ERR_OUTPUT_EXISTS", says: ["a file of that name exists"], fix: /name a folder/ });
		expect(await readFile(path("out"), "utf8")).toBe("mine");
	});

	it("refuses a parent that is a file", async () => {
		const { folder } = await workspace();
		const run = await runCli([...AB, "-o", "a.safetensors/out"], { cwd: folder });
		expectFailure(run, {
			code: "ERR_OUTPUT_NOT_WRITABLE",
			says: ["a file stands where a folder should"],
			fix: /choose another -o/,
		});
		expect(await namesIn(folder)).toEqual(UNTOUCHED);
	});

	it("refuses a folder in the place of one of its files before it replaces any other", async () => {
		const { folder, path } = await workspace();
		await mkdir(path("out", "soup.json"), { recursive: true });
		await writeFile(path("out", "model.safetensors"), "mine");
		const names = await namesIn(folder);
		const run = await runCli([...AB, "-o", "out", "--force"], { cwd: folder });
		expectFailure(run, {
			code: "ERR_OUTPUT_EXISTS",
			says: [/soup\.json": a folder of that name/],
			fix: /move that folder/,
		});
		expect(await readFile(path("out", "model.safetensors"), "utf8")).toBe("mine");
		expect(await namesIn(folder)).toEqual(names);
	});

	it("refuses a folder without write permission", async () => {
		const { folder, path } = await workspace();
		await mkdir(path("locked"), { mode: 0o555 });
		for (const output of ["locked", "locked/new/out"]) {
			const run = await runCli([...AB, "-o", output], { cwd: folder, ...asOrdinaryUser() });
			expectFailure(run, { code: "ERR_OUTPUT_NOT_WRITABLE", says: ["locked", "no permission"], fix: /permissions/ });
		}
		await chmod(path("locked"), 0o755);
		expect(await namesIn(folder)).toEqual([...UNTOUCHED, "locked"]);
	});
});
