import { afterEach, expect, it, vi } from "vitest";
import { openModelTower } from "../../src/onnx/forward.ts";
import { openClipOf, openModel } from "./systems.ts";

afterEach(() => {
	vi.restoreAllMocks();
});

it("a tower is refused before it is loaded if memory is short, and runs if it is not", async () => {
	await using opened = await openModel(openClipOf("vit"));
	vi.spyOn(process, "availableMemory").mockReturnValue(100e6);
	await expect(openModelTower(opened.model, opened.architecture, "image")).rejects.toMatchObject({
		code: "ERR_MEMORY",
		exitCode: 9,
		message: expect.stringMatching(/image tower .* takes about 0\.2 GB, and 0\.1 GB are free/),
		fix: expect.stringContaining("--tower"),
		details: { tower: "image", free: 100e6 },
	});
	vi.spyOn(process, "availableMemory").mockReturnValue(1e9);
	await using session = await openModelTower(opened.model, opened.architecture, "image");
	expect(session.graph.tower).toBe("image");
});
