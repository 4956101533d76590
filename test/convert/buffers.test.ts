import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { average, diff, inspect } from "../../src/index.ts";
import { expectDone, expectFailure } from "../cli/expectations.ts";
import type { TestTensor } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { changedCopy, digestsOf, layoutPath } from "./fixtures.ts";

const POSITION_IDS: TestTensor = { dtype: "I64", shape: [1, 4] };
const MASK: TestTensor = { dtype: "F32", shape: [2, 2], values: [0, Number.NEGATIVE_INFINITY, 0, 0] };

/** A checkpoint as its library writes it today, and with what older versions stored besides. */
const CASES = [
	{
		library: "transformers",
		source: layoutPath("vit-f16", "hf"),
		buffers: {
			"text_model.embeddings.position_ids": POSITION_IDS,
			"vision_model.embeddings.position_ids": POSITION_IDS,
		},
	},
	{ library: "open_clip", source: layoutPath("vit-f16", "openclip"), buffers: { attn_mask: MASK } },
];

async function withBuffers(source: string, target: string, buffers: Readonly<Record<string, TestTensor>>) {
	return changedCopy(source, target, {
		tensors: (tensors) => {
			for (const [name, tensor] of Object.entries(buffers)) tensors.set(name, tensor);
		},
	});
}

describe.each(CASES)("buffers that no model needs, as older versions of $library stored them", (one) => {
	const { source, buffers } = one;
	const names = Object.keys(buffers);
	const said = new RegExp(`note: .*buffers that no model needs are left out: ${names.length} such as "${names[0]}"`);

	it.each(["first", "last", "both"])("are left out of a soup, and said: of the %s input", async (where) => {
		const folder = await temporaryFolder();
		const old = await withBuffers(source, join(folder, "old"), buffers);
		const inputs = { first: [old, source], last: [source, old], both: [old, old] }[where] ?? [];
		const run = await runCli(["avg", ...inputs, "-o", join(folder, "soup")]);
		expectDone(run);
		expect(run.stderr).toMatch(said);
		expect(await digestsOf(join(folder, "soup"))).toEqual(await digestsOf(source));
	});

	it("are in the digests of the input that has them", async () => {
		const folder = await temporaryFolder();
		const old = await withBuffers(source, join(folder, "old"), buffers);
		const { digests } = await average([source, old], { output: join(folder, "soup"), digests: true, fsync: false });
		const { data } = await inspect(old, { data: true });
		expect(digests?.inputs[1]?.modelDigest).toBe(data?.modelDigest);
		expect(digests?.inputs[0]?.modelDigest).toBe(digests?.output.modelDigest);
	});

	it("cannot be kept", async () => {
		const folder = await temporaryFolder();
		const old = await withBuffers(source, join(folder, "old"), buffers);
		const run = await runCli(["avg", old, old, "--keep", `${names[0]}=1`, "-o", join(folder, "soup")]);
		expectFailure(run, { code: "ERR_USAGE", says: ["the inputs have no such tensor"], fix: /inspect --tensors|mean/ });
	});

	it("are listed by diff, which compares files", async () => {
		const folder = await temporaryFolder();
		const old = await withBuffers(source, join(folder, "old"), buffers);
		const { counts } = await diff(source, old);
		expect(counts).toMatchObject({ "only-in-b": names.length });
	});

	it("are called buffers by inspect, not unknown", async () => {
		const folder = await temporaryFolder();
		const old = await withBuffers(source, join(folder, "old"), buffers);
		const { model } = await inspect(old);
		const [evidence] = model?.layouts.map((layout) => layout.evidence.join("; ")) ?? [];
		expect(evidence).toContain(`${names.length} of `);
		expect(evidence).toContain(`are buffers that no model needs, such as "${names[0]}"`);
		expect(evidence).not.toContain("unknown");
	});
});

it("a tensor that is no buffer and that one input lacks is still refused", async () => {
	const folder = await temporaryFolder();
	const { source } = CASES[0] ?? {};
	const other = await withBuffers(source ?? "", join(folder, "other"), {
		"text_model.embeddings.positions": POSITION_IDS,
	});
	const run = await runCli(["avg", source ?? "", other, "-o", join(folder, "soup")]);
	expectFailure(run, { code: "ERR_TENSOR_EXTRA", says: ["text_model.embeddings.positions"], fix: /one architecture/ });
});
