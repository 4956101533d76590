import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { openModelFiles, readModel } from "../../src/checkpoint/model.ts";
import { closeAll } from "../../src/checkpoint/open.ts";
import { convert } from "../../src/convert.ts";
import { type Census, takeCensus } from "../../src/engine/census.ts";
import { CASES, openCase, openClipOf } from "../onnx/systems.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** The lines of a digest, straight from a file: what `docs/lock.md` defines, in another ten lines. */
function independentDigest(path: string, isTaken = (_: string) => true): string {
	const file = readFileSync(path);
	const length = Number(file.readBigUInt64LE(0));
	const header = JSON.parse(file.toString("utf8", 8, 8 + length));
	const names = Object.keys(header).filter((name) => name !== "__metadata__" && isTaken(name));
	const lines = names
		.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
		.map((name) => {
			const {
				dtype,
				shape,
				data_offsets: [begin, end],
			} = header[name];
			const digest = createHash("sha256")
				.update(file.subarray(8 + length + begin, 8 + length + end))
				.digest("hex");
			return `${name}\0${dtype}\0${name.startsWith("logit_") ? "" : shape.join(",")}\0${digest}\n`;
		});
	return `sha256:${createHash("sha256").update(lines.join("")).digest("hex")}`;
}

async function censusOf(path: string, text?: string): Promise<Census> {
	const checkpoints = await openModelFiles(path, text);
	try {
		return await takeCensus({ checkpoints, model: await readModel(path, checkpoints, { text }) }, { files: true });
	} finally {
		await closeAll(checkpoints);
	}
}

const systems = [...new Set(CASES.map(({ system }) => system))];

describe.each(systems)("takeCensus of %s", (system) => {
	const cases = CASES.filter((one) => one.system === system);
	const openClipFile = join(openClipOf(system).path, "open_clip_model.safetensors");

	it("gives the digests that ten other lines compute of OpenCLIP's file", async () => {
		const { modelDigest, canonicalDigest } = await censusOfCase(cases[0]);
		const independent = independentDigests(openClipFile);
		expect(canonicalDigest).toEqual(independent);
		// Of OpenCLIP's own files, but for the shape of the temperature, which these have as [].
		expect(modelDigest).toBe(independent.all);
	});

	it.each(cases)("gives the same canonical digest in layout $layout", async (one) => {
		const { canonicalDigest } = await censusOfCase(one);
		expect(canonicalDigest).toEqual(independentDigests(openClipFile));
	});
});

function independentDigests(path: string) {
	const isVisual = (name: string) => name.startsWith("visual.");
	return {
		visual: independentDigest(path, isVisual),
		text: independentDigest(path, (name) => !isVisual(name) && !name.startsWith("logit_")),
		all: independentDigest(path),
	};
}

async function censusOfCase(one: (typeof CASES)[number] | undefined): Promise<Census> {
	if (one === undefined) throw new Error("No such case");
	await using opened = await openCase(one);
	return await takeCensus({ checkpoints: opened.model.checkpoints, model: opened.model });
}
