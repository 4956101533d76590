import { describe, expect, it } from "vitest";
import { nearestName } from "../../src/tensor/names.ts";

describe("nearestName", () => {
	it("finds a name with another prefix, or a similar one", () => {
		expect(nearestName("visual.proj", ["text_projection", "module.visual.proj"])).toBe("module.visual.proj");
		expect(nearestName("logit_scale", ["logit_bias", "logit_scales"])).toBe("logit_scales");
		expect(nearestName("logit_scale", ["visual.proj"])).toBeUndefined();
	});

	it("compares no names that nobody types", () => {
		const long = "n".repeat(1001);
		expect(nearestName(`${long.slice(2)}m`, [`${long.slice(2)}n`])).toBeDefined();
		expect(nearestName("n".repeat(1000), [long])).toBeUndefined();
		const unread: Iterable<string> = {
			[Symbol.iterator]: () => {
				throw new Error("The candidates were read");
			},
		};
		expect(nearestName(long, unread)).toBeUndefined();
	});
});
