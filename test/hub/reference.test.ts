import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatHubReference, isHubReference, parseHubReference } from "../../src/hub/reference.ts";

describe("parseHubReference", () => {
	test.each([
		["hf:org/name", { id: "org/name", revision: undefined, path: undefined }],
		["hf:org/name@main", { id: "org/name", revision: "main", path: undefined }],
		["hf:org/name@refs/pr/1:a/b.safetensors", { id: "org/name", revision: "refs/pr/1", path: "a/b.safetensors" }],
		["hf:org/name:vision/", { id: "org/name", revision: undefined, path: "vision" }],
		["hf:laion/CLIP-ViT-B-32_x.y:a@b", { id: "laion/CLIP-ViT-B-32_x.y", revision: undefined, path: "a@b" }],
	])("reads %s", (text, expected) => {
		expect(parseHubReference(text)).toEqual(expected);
	});

	test.each([
		"hf:",
		"hf:name",
		"hf:org/name/more",
		"hf:/name",
		"hf:org/",
		"hf:org/na me",
		"hf:org/..",
		"hf:org/a--b",
		"hf:org/-a",
		"hf:org/a.git",
		`hf:org/${"a".repeat(96)}`,
		"hf:org/name@",
		"hf:org/name@a..b",
		"hf:org/name@a b",
		"hf:org/name@/a",
		"hf:org/name:",
		"hf:org/name:../x",
		"hf:org/name:/x",
		"hf:org/name:a//b",
		"hf:org/name:a\\b",
		"hf:https://huggingface.co/org/name",
	])("refuses %s", (text) => {
		expect(() => parseHubReference(text)).toThrow(expect.objectContaining({ code: "ERR_USAGE" }));
	});

	test("reads what formatHubReference writes", () => {
		const word = fc.stringMatching(/^[A-Za-z0-9]{1,20}$/);
		const reference = fc.record({
			id: fc.tuple(word, word).map((parts) => parts.join("/")),
			revision: fc.option(word, { nil: undefined }),
			path: fc.option(
				fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
				{ nil: undefined },
			),
		});
		fc.assert(
			fc.property(reference, (given) => {
				expect(parseHubReference(formatHubReference(given))).toEqual(given);
			}),
		);
	});

	test("leaves paths alone", () => {
		expect(["a.safetensors", "./hf:x", "https://hf.co/a/b"].filter(isHubReference)).toEqual([]);
	});
});
