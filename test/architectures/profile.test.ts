import { describe, expect, it } from "vitest";
import { type Architecture, parseArchitecture } from "../../src/architectures/architecture.ts";
import { PRESETS } from "../../src/architectures/index.ts";
import { cardCells, profileArchitecture } from "../../src/architectures/profile.ts";
import { readFixture } from "./fixtures.ts";

function presetArchitecture(name: string): Architecture {
	const preset = PRESETS.get(name);
	if (preset === undefined) throw new Error(`No preset "${name}"`);
	return preset.architecture;
}

/** Table of the model card of laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup. */
const CARD = [
	"model                 gmacs   macts   mparams  image_gmacs image_macts image_mparams text_gmacs text_macts text_mparams",
	"ViT-H-16              150.96  122.01  986.26   127.4       100.81      632.23        23.57      21.2       354.03",
	"ViT-H-14              190.97  160.61  986.11   167.4       139.41      632.08        23.57      21.2       354.03",
	"ViT-L-14-336          197.76  278.19  427.94   191.1       270.24      304.29        6.66       7.95       123.65",
	"convnext_xxlarge      221.66  145.66  1200.58  198.09      124.45      846.54        23.57      21.2       354.03",
	"RN50x64               276.8   249.73  623.26   265.02      239.13      420.38        11.78      10.6       202.88",
	"ViT-g-14              290.74  213.84  1366.68  267.18      192.64      1012.65       23.57      21.2       354.03",
	"convnext_xxlarge_320  333.08  215.66  1200.58  309.52      194.46      846.54        23.57      21.2       354.03",
	"ViT-H-14-336          414.53  428.74  986.52   390.97      407.54      632.49        23.57      21.2       354.03",
	"ViT-bigG-14           532.92  310.71  2539.57  483.96      275.37      1844.91       48.96      35.34      694.66",
].map((line) => line.split(/ +/));

const [COLUMNS = [], ...ROWS] = CARD;
const CELLS = ROWS.flatMap(([model = "", ...cells]) =>
	cells.map((cell, index) => ({ model, column: COLUMNS[index + 1] ?? "", cell })),
);

/** Counted in real `state_dict`s of open_clip: total, image, text. */
const PARAMETERS = [
	["ViT-H-16", 986_263_041, 632_230_400, 354_032_640],
	["ViT-H-14", 986_109_441, 632_076_800, 354_032_640],
	["ViT-H-14-336", 986_519_041, 632_486_400, 354_032_640],
	["ViT-L-14-336", 427_944_193, 304_293_888, 123_650_304],
	["ViT-g-14", 1_366_678_273, 1_012_645_632, 354_032_640],
	["ViT-bigG-14", 2_539_567_105, 1_844_907_264, 694_659_840],
	["convnext_xxlarge", 1_200_576_385, 846_543_744, 354_032_640],
	["convnext_xxlarge_320", 1_200_576_385, 846_543_744, 354_032_640],
	["RN50x64", 623_258_305, 420_380_352, 202_877_952],
	["ViT-B-32", 151_277_313, 87_849_216, 63_428_096],
	["ViT-B-16", 149_620_737, 86_192_640, 63_428_096],
	["ViT-L-14", 427_616_513, 303_966_208, 123_650_304],
	["RN50", 102_007_137, 38_316_896, 63_690_240],
	["convnext_base_w", 179_385_345, 88_221_824, 91_163_520],
	["convnext_large_d", 351_772_609, 199_770_816, 152_001_792],
] as const;

describe("profileArchitecture", () => {
	it.each(PARAMETERS)("counts the parameters of %s", (name, total, image, text) => {
		const profile = profileArchitecture(presetArchitecture(name));
		expect([profile.total.parameters, profile.image.parameters, profile.text.parameters]).toEqual([total, image, text]);
	});

	it("counts MACs and activations of ViT-H-14 as the formulae give them", () => {
		const { text } = profileArchitecture(presetArchitecture("ViT-H-14"));
		const [tokens, width, layers, heads] = [77, 1024, 24, 16];
		const block = tokens * 12 * width ** 2 + 2 * tokens ** 2 * width + 10 * tokens * width;
		expect(text.macs).toBe(layers * block + 5 * tokens * width + width * 1024);
		expect(text.activations).toBe(layers * (tokens * 10 * width + heads * tokens ** 2) + 1024);
	});

	it("counts both matrices of an mlp head", () => {
		const config = readFixture("small-convnext-mlp").config;
		const architecture = parseArchitecture(config);
		const { vision, embedDim } = architecture;
		if (vision.family !== "convnext") throw new Error("Expected a ConvNeXt");
		const mlp = profileArchitecture(architecture).image;
		const linear = profileArchitecture({ ...architecture, vision: { ...vision, head: "linear" } }).image;
		expect(mlp.macs - linear.macs).toBe(2 * embedDim * (vision.dims[3] + embedDim) - embedDim * vision.dims[3]);
		expect(mlp.activations - linear.activations).toBe(2 * embedDim);
	});

	it("counts a logit_bias as a parameter of no tower", () => {
		const architecture = presetArchitecture("ViT-B-32");
		const without = profileArchitecture(architecture);
		const withBias = profileArchitecture({ ...architecture, logitBias: true });
		expect(withBias.total.parameters - without.total.parameters).toBe(1);
		expect(withBias.text).toEqual(without.text);
	});
});

describe("cardCells", () => {
	it("has 81 cells to reproduce", () => {
		expect(CELLS).toHaveLength(81);
	});

	it.each(CELLS)("prints $cell for $column of $model", ({ model, column, cell }) => {
		const cells: Readonly<Record<string, string>> = cardCells(profileArchitecture(presetArchitecture(model)));
		expect(cells[column]).toBe(cell);
	});

	it("shows another head count in the activations", () => {
		const architecture = presetArchitecture("ViT-H-14");
		const { vision } = architecture;
		if (vision.family !== "vit") throw new Error("Expected a ViT");
		const cells = cardCells(profileArchitecture({ ...architecture, vision: { ...vision, heads: 20 } }));
		expect(cells.image_macts).not.toBe("139.41");
	});
});
