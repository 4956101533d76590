import { describe, expect, it } from "vitest";
import { junitReport } from "../../src/reports/junit.ts";
import { unchecked } from "../../src/reports/reported-error.ts";
import { ERROR, FAILED, manyFindings, ORIGIN, PASSED, withFindings } from "./samples.ts";
import { elementsOf, parseXml, type XmlElement } from "./xml.ts";

const casesOf = (text: string) => elementsOf(parseXml(text), "testcase");
const childrenOf = (element: XmlElement | undefined) => element?.children.map(({ name }) => name);

describe("junitReport", () => {
	it("has one test case a check, with its time", () => {
		const text = junitReport(PASSED);
		expect(parseXml(text)).toMatchObject({
			name: "testsuites",
			attributes: { name: "clip-soup verify", tests: "3", failures: "0", errors: "0", skipped: "1", time: "1.750" },
			children: [{ name: "testsuite", attributes: { name: "soup", tests: "3", skipped: "1" } }],
		});
		expect(casesOf(text).map(({ attributes }) => attributes)).toEqual([
			{
				classname: "clip-soup.verify.container",
				name: "CS001 Weight files are well-formed safetensors",
				time: "0.250",
			},
			{ classname: "clip-soup.verify.finite", name: "CS006 No element is NaN or infinite", time: "1.500" },
			{ classname: "clip-soup.verify.digests", name: "CS005 Every tensor has the bytes of the lock", time: "0.000" },
		]);
		expect(casesOf(text).map(childrenOf)).toEqual([[], [], ["skipped"]]);
		expect(elementsOf(parseXml(text), "skipped")).toMatchObject([{ attributes: { message: "no lock was given" } }]);
		expect(elementsOf(parseXml(text), "property").map(({ attributes }) => attributes.name)).toEqual([
			"modelDigest",
			"canonicalDigest",
		]);
	});

	it("names a model on the Hub by its reference, with the commit as a property", () => {
		const root = parseXml(junitReport({ ...PASSED, path: "hf:org/soup@main", origins: [ORIGIN] }));
		expect(elementsOf(root, "testsuite")).toMatchObject([{ attributes: { name: "hf:org/soup@main" } }]);
		expect(elementsOf(root, "property").map(({ attributes }) => [attributes.name, attributes.value])).toContainEqual([
			"commit of hf:org/soup@main",
			ORIGIN.revision,
		]);
	});

	it("has one test case more for each tensor that fails, and tells warnings without failing", () => {
		const cases = casesOf(junitReport(FAILED));
		expect(cases.map(({ attributes }) => attributes.name)).toEqual([
			"CS001 Weight files are well-formed safetensors",
			"CS004 Every tensor has its dtype and shape",
			"CS004 visual.proj",
			"CS012 Configuration files agree with the weights and the lock",
			"CS013 The signature holds for the files",
		]);
		expect(cases.map(childrenOf)).toEqual([[], ["failure", "system-out"], ["failure"], ["failure"], ["skipped"]]);
		expect(cases[1]?.children).toMatchObject([
			{ attributes: { type: "CS004", message: "2 findings: 302 tensors" } },
			{ text: "Found F64, which libraries read as F32" },
		]);
		expect(cases[2]?.children[0]?.text).toBe(
			'Found shape [768, 512] of "proj" <&> "x|y", expected [512, 768] ' +
				"(probably: a matrix stored the other way round)\nFound two",
		);
		expect(parseXml(junitReport(FAILED)).attributes).toMatchObject({ tests: "5", failures: "3", skipped: "1" });
	});

	it("bounds the test cases and lines of one check, and tells how many more there are", () => {
		const cases = casesOf(junitReport(withFindings(manyFindings(5000))));
		expect(cases).toHaveLength(101);
		expect(cases[0]?.children[0]?.attributes.message).toBe("5000 findings: all elements");
		expect(cases[0]?.children[0]?.text.split("\n")).toHaveLength(101);
		expect(cases[0]?.children[0]?.text).toMatch(/\nand 4900 more$/);
	});

	it("tells a run that could not finish as an error, after what did run", () => {
		const text = junitReport(PASSED, ERROR);
		expect(parseXml(text).attributes).toMatchObject({ tests: "4", failures: "0", errors: "1" });
		expect(casesOf(text).at(-1)).toMatchObject({
			attributes: { classname: "clip-soup.verify.run", name: "ERR_FILE_TRUNCATED" },
			children: [
				{ name: "error", attributes: { type: ERROR.code, message: ERROR.message }, text: "fix: download it again" },
			],
		});
		expect(parseXml(junitReport(unchecked("soup"), ERROR)).attributes).toMatchObject({ tests: "1", errors: "1" });
	});

	it("tells each of several faults", () => {
		const text = junitReport(unchecked("soup"), { ...ERROR, faults: [ERROR, { ...ERROR, code: "ERR_IO" }] });
		expect(casesOf(text).map(({ attributes }) => attributes.name)).toEqual(["ERR_FILE_TRUNCATED", "ERR_IO"]);
	});
});

describe("parseXml, by which the above is checked, refuses", () => {
	it.each([
		"<a><b></a></b>",
		"<a>",
		"<a/><b/>",
		'<a x="1" x="2"/>',
		'<a x="<"/>',
		"<a>&nbsp;</a>",
		"<a>& </a>",
		"<a>\u0000</a>",
		"<a>\ud800</a>",
	])("%j", (text) => {
		expect(() => parseXml(text)).toThrow();
	});
});
