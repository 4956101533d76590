import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { findFiles } from "../../src/bytes/find-files.ts";
import { temporaryFolder } from "../support/tmp.ts";

const FILES = ["b/2.png", "b/10.PNG", "a.png", "c.jpg", "b.txt", ".hidden.png", ".cache/x.png", "b/deep/er/1.jpg"];

async function folderOf(names: readonly string[]): Promise<string> {
	const folder = await temporaryFolder();
	for (const name of names) {
		await mkdir(dirname(join(folder, name)), { recursive: true });
		await writeFile(join(folder, name), "");
	}
	return folder;
}

describe("findFiles", () => {
	it("finds the files below a folder by extension, in the order of their paths", async () => {
		const folder = await folderOf(FILES);
		const found = await findFiles(folder, [".png", ".jpg"]);
		expect(found).toEqual(
			["a.png", "b/10.PNG", "b/2.png", "b/deep/er/1.jpg", "c.jpg"].map((name) => join(folder, name)),
		);
	});

	it("takes a file as it is, whatever its extension", async () => {
		const folder = await folderOf(["x.txt"]);
		expect(await findFiles(join(folder, "x.txt"), [".png"])).toEqual([join(folder, "x.txt")]);
	});

	it.each([
		["a folder without such files", [], "found no file in it that ends in .png"],
		["no folder", ["no", "such"], "found no such file"],
		["a path through a file", ["x.txt", "y"], "found no such file"],
	])("refuses %s", async (_, path, message) => {
		const folder = await folderOf(["x.txt"]);
		await expect(findFiles(join(folder, ...path), [".png"])).rejects.toMatchObject({
			code: "ERR_INPUT_NOT_FOUND",
			message: expect.stringContaining(message),
		});
	});
});
