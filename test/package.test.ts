import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod";

const packed = z.array(z.object({ files: z.array(z.object({ path: z.string() })) }));

test("the package holds what a user needs and nothing else", () => {
	const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { encoding: "utf8" });
	const [{ files } = { files: [] }] = packed.parse(JSON.parse(output));
	const paths = files.map(({ path }) => path);
	for (const needed of [
		"bin/clip-soup.js",
		"dist/index.js",
		"dist/index.d.ts",
		"dist/engine/worker.cjs",
		"dist/kernels/kernels.wasm",
		"dist/licences/commander",
		"dist/licences/zod",
		"schemas/clip-soup.lock.v1.schema.json",
		"LICENSE",
		"README.md",
	]) {
		expect(paths).toContain(needed);
	}
	const allowed =
		/^(bin\/clip-soup\.js|dist\/.+\.(c?js|d\.ts|wasm)|dist\/licences\/[a-z-]+|docs\/[a-z]+\.md|schemas\/.+\.json|LICENSE|README\.md|CHANGELOG\.md|package\.json)$/;
	expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
});

test("no dependency runs an install script", () => {
	const lock: { packages: Record<string, { hasInstallScript?: boolean; dev?: boolean }> } = JSON.parse(
		readFileSync("package-lock.json", "utf8"),
	);
	const { allowScripts } = JSON.parse(readFileSync("package.json", "utf8"));
	const withScripts = Object.entries(lock.packages).filter(([, entry]) => entry.hasInstallScript);
	for (const [path] of withScripts) expect(allowScripts).toHaveProperty(path.replace(/^.*node_modules\//, ""), false);
});
