import { expect, it } from "vitest";
import { expectDone, workspace } from "../cli/expectations.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { runCli } from "../support/run-cli.ts";

// A function takes some 120,000 arguments at most: what spreads a list into them fails at 130,000.
it("130,000 tensors are listed, and as many faults counted", async () => {
	const { folder, path } = await workspace();
	const count = 130_000;
	const tensors = (prefix: string): Map<string, TestTensor> =>
		new Map(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, { dtype: "BOOL", shape: [0] }]));
	await writeCheckpoint(path("in1.safetensors"), tensors("a"));
	await writeCheckpoint(path("in2.safetensors"), tensors("b"));
	const listed = await runCli(["inspect", "in1.safetensors", "--tensors"], { cwd: folder });
	expectDone(listed);
	expect(listed.stdout).toContain(`\na${count - 1} `);
	const run = await runCli(["avg", "in1.safetensors", "in2.safetensors"], { cwd: folder });
	expect(run.exitCode).toBe(3);
	expect(run.stderr).toContain(`… and ${count - 10} more ERR_TENSOR_EXTRA`);
});
