import { afterEach, expect, test, vi } from "vitest";
import { peakMemory } from "../../src/engine/memory.ts";
import { noteReceived } from "../../src/hub/collect.ts";

afterEach(() => {
	vi.unstubAllGlobals();
});

test("noteReceived collects the young generation after every 4 MB, where the process can", () => {
	const gc = vi.fn();
	// What other tests have read counts too: from a collection on, the next one is 4 MB away.
	vi.stubGlobal("gc", undefined);
	noteReceived(4e6);
	vi.stubGlobal("gc", gc);
	for (let piece = 0; piece < 39; piece++) noteReceived(1e5);
	expect(gc).not.toHaveBeenCalled();
	for (let piece = 39; piece < 120; piece++) noteReceived(1e5);
	expect(gc.mock.calls).toEqual([[{ type: "minor" }], [{ type: "minor" }], [{ type: "minor" }]]);
	vi.stubGlobal("gc", undefined);
	expect(() => noteReceived(1e8)).not.toThrow();
});

test("peakMemory of remote inputs tells what the command needs, and more for a library, which cannot collect", () => {
	const remote = () => peakMemory(1, 2, 0, true);
	vi.stubGlobal("gc", () => {});
	const ofCommand = remote();
	expect(ofCommand).toBeGreaterThan(145e6);
	expect(ofCommand).toBeLessThan(165e6);
	vi.stubGlobal("gc", undefined);
	expect(remote()).toBeGreaterThan(223e6);
	expect(peakMemory(1, 2, 0)).toBeLessThan(ofCommand);
});
