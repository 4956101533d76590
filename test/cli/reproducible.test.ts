import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { expectSuccess } from "./expectations.ts";
import { readSafetensors, sha256 } from "./read-safetensors.ts";

const WEIGHTS = "open_clip_model.safetensors";

async function digits(under: string): Promise<string> {
	const folder = join(await temporaryFolder(), under);
	await mkdir(folder, { recursive: true });
	for (const name of ["augreg", "rewind"]) {
		await cp(resolve("fixtures/digits-clip", name), join(folder, name), { recursive: true });
	}
	return folder;
}

async function filesOf(folder: string): Promise<Map<string, string>> {
	const names = (await readdir(folder)).sort();
	const entries = names.map(
		async (name): Promise<[string, string]> => [name, sha256(await readFile(join(folder, name)))],
	);
	return new Map(await Promise.all(entries));
}

describe("the same inputs and options", () => {
	it("give the same bytes in another folder, with other threads, at another time", async () => {
		const options = ["--weights", "1,2", "--digests", "--file-digests", "--keep", "logit_scale=2"];
		const [here, there] = [await digits("here"), await digits("some/where/else")];
		expectSuccess(await runCli(["avg", "augreg", "rewind", "-o", "out", "--threads", "1", ...options], { cwd: here }));
		const inputs = ["augreg/", "rewind"].map((name) => join(there, name));
		const elsewhere = join(there, "another-name");
		const env = { TZ: "Pacific/Apia", LANG: "tr_TR.UTF-8" };
		expectSuccess(await runCli(["avg", ...inputs, "-o", elsewhere, "--threads", "4", ...options], { env }));
		expect(await filesOf(elsewhere)).toEqual(await filesOf(join(here, "out")));
	});

	it("leave no path, date, user or machine in what is written", async () => {
		const folder = await digits("a-telling-path");
		expectSuccess(await runCli(["avg", "augreg", "rewind", "-o", join(folder, "out")], { cwd: folder }));
		const { metadata } = await readSafetensors(join(folder, "out", WEIGHTS));
		const text = `${JSON.stringify(metadata)}${await readFile(join(folder, "out", "soup.json"), "utf8")}`;
		expect(text).not.toContain("a-telling-path");
		expect(text).not.toContain("/");
		expect(text).not.toMatch(/20\d\d-\d\d/);
		expect(Object.keys(metadata)).toEqual(["clip_soup", "format"]);
	});
});

describe("digests", () => {
	it("--digests are SHA-256 of the stored bytes, and the model digest follows from them", async () => {
		const folder = await digits("digests");
		const args = ["avg", "augreg", "rewind", "-o", "out", "--digests", "--keep", "logit_scale=1", "--json"];
		const { digests, recipe } = JSON.parse((await runCli(args, { cwd: folder })).stdout).result;
		const found = [...digests.inputs, digests.output];
		for (const [index, name] of ["augreg", "rewind", "out"].entries()) {
			expect(found[index]).toEqual(await digestsOf(join(folder, name, WEIGHTS)));
		}
		expect([...recipe.inputs, recipe].map(({ modelDigest }) => modelDigest)).toEqual(
			found.map(({ modelDigest }) => modelDigest),
		);
		const inspected = await runCli(["inspect", "out", "--data", "--json"], { cwd: folder });
		expect(JSON.parse(inspected.stdout).result.data.modelDigest).toBe(digests.output.modelDigest);
	});

	it("--file-digests are SHA-256 of the whole files", async () => {
		const folder = await digits("file-digests");
		const args = ["avg", "augreg", "rewind", "-o", "out", "--file-digests", "--json"];
		const { fileDigests } = JSON.parse((await runCli(args, { cwd: folder })).stdout).result;
		const expected = await Promise.all(
			["augreg", "rewind", "out"].map(async (name) => [
				{ name: WEIGHTS, sha256: `sha256:${sha256(await readFile(join(folder, name, WEIGHTS)))}` },
			]),
		);
		expect([...fileDigests.inputs, fileDigests.output]).toEqual(expected);
	});

	it("the recipe names inputs by base name, size and digest of the header", async () => {
		const folder = await digits("recipe");
		expectSuccess(await runCli(["avg", "augreg/", `./rewind/${WEIGHTS}`, "-o", "out.safetensors"], { cwd: folder }));
		const { metadata } = await readSafetensors(join(folder, "out.safetensors"));
		const input = join(folder, "augreg", WEIGHTS);
		const file = {
			name: WEIGHTS,
			byteLength: (await readFile(input)).length,
			headerSha256: `sha256:${(await readSafetensors(input)).headerSha256}`,
		};
		expect(JSON.parse(metadata.clip_soup ?? "").inputs).toMatchObject([
			{ name: "augreg", files: [file] },
			{ name: WEIGHTS },
		]);
	});

	it("a soup of soups holds the recipes of its inputs", async () => {
		const folder = await digits("nested");
		expectSuccess(await runCli(["avg", "augreg", "rewind", "-o", "one.safetensors"], { cwd: folder }));
		expectSuccess(await runCli(["avg", "one.safetensors", "augreg", "-o", "two.safetensors"], { cwd: folder }));
		const [one, two] = await Promise.all(
			["one", "two"].map(async (name) => {
				const { metadata } = await readSafetensors(join(folder, `${name}.safetensors`));
				return JSON.parse(metadata.clip_soup ?? "");
			}),
		);
		expect(two.inputs[0].clipSoup).toEqual(one);
		expect(two.inputs[1]).not.toHaveProperty("clipSoup");
	});
});

/** What cli.md says a model digest is, worked out anew. */
async function digestsOf(path: string) {
	const { tensors } = await readSafetensors(path);
	const sorted = [...tensors].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
	const lines = sorted.map(
		([name, { dtype, shape, bytes }]) => `${name}\0${dtype}\0${shape.join(",")}\0${sha256(bytes)}\n`,
	);
	return {
		modelDigest: `sha256:${sha256(lines.join(""))}`,
		tensors: sorted.map(([name, { bytes }]) => ({ name, sha256: `sha256:${sha256(bytes)}` })),
	};
}
