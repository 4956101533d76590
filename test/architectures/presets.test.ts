import { describe, expect, it } from "vitest";
import { parseArchitecture } from "../../src/architectures/architecture.ts";
import { describeArchitecture } from "../../src/architectures/describe.ts";
import { PRESETS } from "../../src/architectures/index.ts";
import { INVENTORY_FIXTURES, readFixture } from "./fixtures.ts";

describe("PRESETS", () => {
	const published = INVENTORY_FIXTURES.filter(({ model }) => !model.startsWith("small-"));
	it.each(published)("holds open_clip's config of $model", ({ model, config }) => {
		expect(PRESETS.get(model)?.config).toEqual(config);
	});

	it("derives the -quickgelu forms that open_clip lists", () => {
		const names = [...PRESETS.keys()].filter((name) => name.endsWith("-quickgelu"));
		expect(names).toHaveLength(11);
		expect(PRESETS.get("RN50x64-quickgelu")?.config).toEqual({
			...PRESETS.get("RN50x64")?.config,
			quick_gelu: true,
		});
		expect(PRESETS.get("RN50x64-quickgelu")?.architecture.quickGelu).toBe(true);
	});

	it("has no -quickgelu form where open_clip has none", () => {
		expect(PRESETS.has("ViT-g-14-quickgelu")).toBe(false);
		expect(PRESETS.has("convnext_xxlarge-quickgelu")).toBe(false);
	});
});

describe("describeArchitecture", () => {
	it.each([
		["convnext_xxlarge", "ConvNeXt-XXLarge 846.5 M @ 256 + text 24×1024 354.0 M, embed 1024"],
		["ViT-H-14", "ViT 32×1280/14 632.1 M @ 224 + text 24×1024 354.0 M, embed 1024"],
		["RN50-quickgelu", "ResNet 3,4,6,3×64 38.3 M @ 224 + text 12×512 63.7 M, embed 1024, QuickGELU"],
	])("describes %s in one line", (name, line) => {
		const preset = PRESETS.get(name);
		expect(preset && describeArchitecture(preset.architecture)).toBe(line);
	});

	it("does not call a ConvNeXt of other depths and dims by timm's name", () => {
		const { config } = readFixture("small-digits-clip");
		expect(describeArchitecture(parseArchitecture(config))).toBe(
			"ConvNeXt 1,1,2,1×16,32,64,128 0.3 M @ 256 + text 2×64 0.2 M, embed 64",
		);
	});
});
