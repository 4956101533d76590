import { cp } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkIngredients } from "../../src/checks/ingredients.ts";
import { average } from "../../src/index.ts";
import type { CheckResult } from "../../src/verification.ts";
import { changedCopy, digitsPath } from "../convert/fixtures.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { mix, randomTensors, writeSoup } from "./soups.ts";
import { openSubjects } from "./subjects.ts";

const [AUGREG, REWIND] = [digitsPath("augreg"), digitsPath("rewind")];

async function check(
	paths: readonly string[],
	options: Parameters<typeof checkIngredients>[2] = {},
): Promise<CheckResult> {
	await using subjects = await openSubjects(paths);
	const [soup, ...ingredients] = subjects.all;
	return await checkIngredients(soup, ingredients, options);
}

test("checkIngredients passes those of the recipe, and tells how near they are", async () => {
	const soup = join(await temporaryFolder(), "soup.safetensors");
	await average([AUGREG, REWIND], { output: soup, fsync: false });
	const result = await check([soup, AUGREG, REWIND]);
	expect(result).toMatchObject({ check: "CS009", status: "passed", findings: [] });
	expect(result.detail).toMatch(
		/^2 ingredients against the 2 of the recipe.*least cosine 0\.99\d+ .* ingredients 1 and 2\)$/,
	);
});

test("checkIngredients finds an ingredient that is another one, one too many, and another order", async () => {
	const folder = await temporaryFolder();
	const soup = join(folder, "soup.safetensors");
	await average([AUGREG, REWIND], { output: soup, weights: [1, 2], fsync: false });
	const other = await changedCopy(REWIND, join(folder, "other"), { metadata: { note: "another header" } });
	const replaced = await check([soup, AUGREG, other]);
	expect(replaced.status).toBe("failed");
	expect(replaced.findings[0]?.message).toBe(
		'Ingredient 2 "other" is not the recipe\'s "rewind": its header has another digest',
	);
	const more = await check([soup, AUGREG, REWIND, other]);
	expect(more.findings[0]?.message).toBe('Found 3 ingredients, expected the 2 of the recipe: "augreg", "rewind"');
	expect(more.status).toBe("failed");
	const swapped = await check([soup, REWIND, AUGREG]);
	expect(swapped.status).toBe("failed");
	expect(swapped.findings).toHaveLength(2);
	expect(swapped.findings[0]?.message).toBe(
		'Ingredient 1 "rewind" is the recipe\'s ingredient 2 "rewind", expected "augreg"',
	);
});

test("checkIngredients takes another order of equal weights for a warning", async () => {
	const soup = join(await temporaryFolder(), "soup.safetensors");
	await average([AUGREG, REWIND], { output: soup, fsync: false });
	const swapped = await check([soup, REWIND, AUGREG]);
	expect(swapped).toMatchObject({ status: "passed", findings: [{ level: "warning" }, { level: "warning" }] });
});

test("checkIngredients knows a renamed ingredient by its header", async () => {
	const folder = await temporaryFolder();
	const [soup, renamed] = [join(folder, "soup.safetensors"), join(folder, "renamed")];
	await average([AUGREG, REWIND], { output: soup, weights: [1, 2], fsync: false });
	await cp(REWIND, renamed, { recursive: true });
	expect(await check([soup, AUGREG, renamed])).toMatchObject({ status: "passed", findings: [] });
});

test("checkIngredients warns of equal ingredients, unrelated ones, and weights outside [0, 1]", async () => {
	const folder = await temporaryFolder();
	const twins = [randomTensors(1), randomTensors(1)];
	const equal = await check(
		await writeSoup(
			folder,
			mix(twins, "F32", (a = 0) => a),
			twins,
		),
	);
	expect(equal.status).toBe("passed");
	expect(equal.findings[0]?.message).toContain("are equal in all tensors");
	const strangers = [randomTensors(1), randomTensors(2)].map((one) => new Map(one));
	for (const one of strangers) one.delete("logit_scale");
	const unrelated = await check(await writeSoup(folder, strangers[0] ?? new Map(), strangers));
	expect(unrelated.findings[0]).toMatchObject({ level: "warning" });
	expect(unrelated.findings[0]?.message).toMatch(/do not belong together: the cosine of their weights is -?0\.\d+ /);
	const beyond = await check([join(folder, "soup.safetensors"), AUGREG, REWIND], { weights: [1.5, -0.5] });
	expect(beyond.findings.map(({ message }) => message)).toEqual([
		'Ingredient 1 "augreg" has weight 1.5, a share of 1.500: outside [0, 1] a soup is an extrapolation',
		'Ingredient 2 "rewind" has weight -0.5, a share of -0.5000: outside [0, 1] a soup is an extrapolation',
	]);
});

test("checkIngredients does not take ingredients for equal that differ outside of the sample", async () => {
	const big = (last: number) => {
		const values = Array.from({ length: 40_000 }, (_, index) => (index === 39_999 ? last : index / 1000));
		return new Map([["w", { dtype: "F32" as const, shape: [40_000], values }]]);
	};
	const result = await check(await writeSoup(await temporaryFolder(), big(1), [big(1), big(2)]));
	expect(result.findings).toEqual([]);
	expect(result.detail).toContain("least cosine 1.000");
});
