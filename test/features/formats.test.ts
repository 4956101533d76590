import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Features, featureArrays, l2Norms } from "../../src/features/features.ts";
import { formatOf } from "../../src/features/formats.ts";
import { npyBytes } from "../../src/features/npy.ts";
import { readNpy } from "./read-npy.ts";

/** A matrix of float32, of any size. */
const matrix = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 })).chain(([rows, columns]) =>
	fc.record({
		shape: fc.constant([rows, columns] as const),
		values: fc.float32Array({ minLength: rows * columns, maxLength: rows * columns, noNaN: true }),
	}),
);

const BOTH: Features = {
	images: { names: ["a.png", "b.png"], width: 3, values: Float32Array.of(3, 0, 4, 0.1, 0.2, 0.3) },
	texts: { names: ["a cat"], width: 3, values: Float32Array.of(1, 2, 2) },
	logitsPerImage: Float32Array.of(0.5, -0.25),
	origins: [],
};
const IMAGES: Features = { images: BOTH.images, texts: undefined, logitsPerImage: undefined, origins: [] };

describe("an .npy file", () => {
	it("reads back as the same shape and numbers", () => {
		fc.assert(
			fc.property(matrix, ({ shape, values }) => {
				expect(readNpy(Buffer.from(npyBytes({ shape, values })))).toEqual({ shape, values: Array.from(values) });
			}),
		);
	});

	it("holds the one array that there is", () => {
		const file = formatOf("x.npy", 1)(IMAGES);
		expect(readNpy(Buffer.from(file)).shape).toEqual([2, 3]);
	});

	it("is refused for two", () => {
		expect(() => formatOf("x.npy", 2)).toThrow(/found image and text features, expected one array/);
	});
});

describe("a .json file", () => {
	it("reads back as the same float32 numbers, named", () => {
		const json = JSON.parse(Buffer.from(formatOf("x.json", 2)(BOTH)).toString("utf8"));
		expect(json.images.width).toBe(3);
		expect(json.images.rows.map(({ name }: { name: string }) => name)).toEqual(["a.png", "b.png"]);
		expect(Float32Array.from(json.images.rows[1].features)).toEqual(Float32Array.of(0.1, 0.2, 0.3));
		expect(json.texts.rows).toEqual([{ name: "a cat", l2: 3, features: [1, 2, 2] }]);
		expect(json.logitsPerImage).toEqual([[0.5], [-0.25]]);
	});
});

it("a .json and a .safetensors file name the commits that were read, and no branch", () => {
	const origins = [{ reference: "hf:org/soup@main", repo: "org/soup", revision: "c0".repeat(20) }];
	const commits = [{ repo: "org/soup", revision: "c0".repeat(20) }];
	const textOf = (path: string, features: Features) => Buffer.from(formatOf(path, 1)(features)).toString("latin1");
	expect(JSON.parse(textOf("x.json", { ...IMAGES, origins })).origins).toEqual(commits);
	expect(textOf("x.safetensors", { ...IMAGES, origins })).toContain(
		`"clip_soup.origins":${JSON.stringify(JSON.stringify(commits))}`,
	);
	for (const path of ["x.json", "x.safetensors"]) expect(textOf(path, IMAGES)).not.toContain("origins");
});

describe("formatOf", () => {
	it.each(["x", "x.txt", "x.NPY", "x.npy.gz"])("refuses %s", (path) => {
		expect(() => formatOf(path, 1)).toThrow(/expected one of .safetensors, .npy, .json/);
	});
});

describe("featureArrays", () => {
	it("are those of the towers that ran, with logits only for both", () => {
		expect(featureArrays(IMAGES).map(({ name }) => name)).toEqual(["image_features"]);
		expect(featureArrays(BOTH).map(({ name, shape }) => [name, shape])).toEqual([
			["image_features", [2, 3]],
			["text_features", [1, 3]],
			["logits_per_image", [2, 1]],
		]);
	});
});

describe("l2Norms", () => {
	it("are the lengths of the rows", () => {
		expect(l2Norms({ names: ["a", "b"], width: 2, values: Float32Array.of(3, 4, 0, 0) })).toEqual([5, 0]);
	});
});
