import { chmod, cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { f32 } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";
import {
	asOrdinaryUser,
	expectDone,
	expectFailure,
	expectSuccess,
	namesIn,
	UNTOUCHED,
	workspace,
} from "./expectations.ts";

it.each(["inspect", "avg"])("%s names a file that is missing", async (command) => {
	const { folder, path } = await workspace();
	const run = await runCli([command, path("none.safetensors")], { cwd: folder });
	expectFailure(run, {
		code: "ERR_INPUT_NOT_FOUND",
		says: ["none.safetensors", "no such file"],
		fix: /check the path/,
	});
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("avg names every input that cannot be opened, not only the first", async () => {
	const { folder, a } = await workspace();
	await writeFile(`${folder}/web.safetensors`, "<html></html>");
	const run = await runCli(["avg", "x.safetensors", a, "web.safetensors", "y.safetensors"], { cwd: folder });
	expectFailure(run, {
		code: "ERR_INPUT_NOT_FOUND",
		says: ['"x.safetensors"', '"y.safetensors"', /error\[ERR_FOREIGN_FORMAT\].*web page/, "3 faults"],
		fix: /check the path/,
	});
	expect(await namesIn(folder)).toEqual([...UNTOUCHED, "web.safetensors"]);
});

it("a path through a file is a missing input", async () => {
	const { folder } = await workspace();
	const run = await runCli(["inspect", "a.safetensors/model.safetensors"], { cwd: folder });
	expectFailure(run, { code: "ERR_INPUT_NOT_FOUND", says: ["a file where a folder should be"], fix: /path/ });
});

it("a dangling symlink is a missing input", async () => {
	const { folder, path } = await workspace();
	await symlink("gone", path("link.safetensors"));
	const run = await runCli(["inspect", "link.safetensors"], { cwd: folder });
	expectFailure(run, { code: "ERR_INPUT_NOT_FOUND", says: ["link.safetensors"], fix: /path/ });
});

it.each([
	{
		holds: "nothing",
		fill: async () => {},
		found: /no \.safetensors file/,
		fix: /open_clip_model\.safetensors or model\.safetensors/,
	},
	{
		holds: "pickles only",
		fill: (folder: string) => writeFile(`${folder}/open_clip_pytorch_model.bin`, "PK"),
		found: /only pickles \(open_clip_pytorch_model\.bin\)/,
		fix: /download the \.safetensors file/,
	},
	{
		holds: "shards without their index",
		fill: async (folder: string) => {
			await writeFile(`${folder}/model-00001-of-00002.safetensors`, "");
			await writeFile(`${folder}/model-00002-of-00002.safetensors`, "");
		},
		found: /2 shards without their index/,
		fix: /model\.safetensors\.index\.json/,
	},
	{
		holds: "weights in its subfolders only",
		fill: async (folder: string) => {
			await mkdir(`${folder}/epoch-1`);
			await writeFile(`${folder}/epoch-1/model.safetensors`, "");
		},
		found: /only in the folders inside it/,
		fix: /epoch-1/,
	},
	{
		holds: "hidden weights only",
		fill: (folder: string) => writeFile(`${folder}/._model.safetensors`, ""),
		found: /no \.safetensors file/,
		fix: /open_clip_model\.safetensors/,
	},
])("a folder that holds $holds is told so", async ({ fill, found, fix }) => {
	const { folder, path } = await workspace();
	await mkdir(path("in"));
	await fill(path("in"));
	const before = await namesIn(folder);
	const run = await runCli(["avg", "in", "in", "-o", "out"], { cwd: folder });
	expectFailure(run, { code: "ERR_NO_WEIGHT_FILE", says: ['"in"', found], fix });
	expect(await namesIn(folder)).toEqual(before);
});

it("a folder with OpenCLIP and Hugging Face weights uses OpenCLIP's and says so on stderr", async () => {
	const { folder, path, write } = await workspace();
	await write("in/model.safetensors", { hf: f32(1) });
	await write("in/open_clip_model.safetensors", { openclip: f32(1) });
	const run = await runCli(["inspect", "in", "--json"], { cwd: folder });
	expectSuccess(run, [
		/note: "in" holds several weight files: open_clip_model\.safetensors is used, not model\.safetensors/,
	]);
	expect(JSON.parse(run.stdout).result.files).toMatchObject([{ name: "open_clip_model.safetensors" }]);
	expect(JSON.parse(run.stdout).result.notices[0]).toContain("holds several weight files");
	const quiet = await runCli(["inspect", path("in"), "--quiet"]);
	expect(quiet.stderr).toBe("");
});

it("a folder with several unknown weight files lists them and asks for one", async () => {
	const { folder } = await workspace();
	const run = await runCli(["inspect", "."], { cwd: folder });
	expectFailure(run, {
		code: "ERR_AMBIGUOUS_WEIGHT_FILE",
		says: ['"a.safetensors"', '"b.safetensors"'],
		fix: /name the file: a\.safetensors/,
	});
});

it("a folder with one weight file of any name uses it", async () => {
	const { a, path } = await workspace();
	await mkdir(path("in"));
	await cp(a, path("in", "epoch_3.safetensors"));
	expectDone(await runCli(["inspect", path("in")]));
});

it("a file without read permission is told so", async () => {
	const { folder, a } = await workspace();
	await chmod(a, 0);
	const run = await runCli(["avg", a, a, "-o", "out.safetensors"], { cwd: folder, ...asOrdinaryUser() });
	expectFailure(run, { code: "ERR_INPUT_UNREADABLE", says: ["a.safetensors", "no permission"], fix: /permissions/ });
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("a folder without read permission is told so", async () => {
	const { folder, path } = await workspace();
	await mkdir(path("in"), { mode: 0 });
	const run = await runCli(["inspect", "in"], { cwd: folder, ...asOrdinaryUser() });
	expectFailure(run, { code: "ERR_INPUT_UNREADABLE", says: ['"in"', "EACCES"], fix: /permissions/ });
});
