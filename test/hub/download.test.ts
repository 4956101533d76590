import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { embed } from "../../src/embed.ts";
import { exportOnnx } from "../../src/export-onnx.ts";
import { convert, inspect } from "../../src/index.ts";
import { publish } from "../../src/publish.ts";
import { sign } from "../../src/sign.ts";
import { verify } from "../../src/verify.ts";
import { digitsPath } from "../convert/fixtures.ts";
import { runCli } from "../support/run-cli.ts";
import { type DoubleEnvironment, damageStorage, doubleEnvironment, sentBytes } from "./double-environment.ts";

let at: DoubleEnvironment;
let weightBytes: number;

beforeEach(async () => {
	at = await doubleEnvironment();
	weightBytes = statSync(join(at.folder, "soup", "open_clip_model.safetensors")).size;
});

/** Names in the folder for temporary files, less what ONNX Runtime itself leaves there. */
function stored(): string[] {
	return readdirSync(at.watched).filter((name) => name !== ".ses" && !name.startsWith("mat-debug-"));
}

describe("verify hf: --download", () => {
	test("runs the forward pass on a copy that goes away, and reads nothing else of the weights", async () => {
		const { checks } = await verify("hf:org/soup", { download: true });
		expect(checks.map(({ check, status }) => [check, status])).toContainEqual(["CS011", "passed"]);
		expect(sentBytes(at.double, "org/soup") / weightBytes).toBeLessThan(1.1);
		expect(stored()).toEqual([]);
	});

	test("compares functions, and writes features into a lock that hold for the files", async () => {
		const lock = join(at.folder, "lock.json");
		const { checks } = await verify("hf:org/soup", {
			download: true,
			sameAs: [join(at.folder, "soup"), "hf:org/soup"],
			writeLock: lock,
		});
		const compared = checks.filter(({ check }) => check === "CS010");
		expect(compared.map(({ status }) => status)).toEqual(["passed", "passed"]);
		const local = await verify(join(at.folder, "soup"), { lock });
		expect(local.checks.filter(({ status }) => status !== "passed")).toEqual([]);
		expect(stored()).toEqual([]);
	});

	test("copies nothing that --no-forward leaves out", async () => {
		const download = vi.fn();
		const onProgress = ({ phase }: { readonly phase: string }) => phase === "download" && download();
		await verify("hf:org/soup", { download: true, forward: false }, { onProgress });
		expect(download).not.toHaveBeenCalled();
		await verify("hf:org/soup", { download: true }, { onProgress });
		expect(download).toHaveBeenCalled();
	});

	test("tells functions apart", async () => {
		const { checks } = await verify("hf:org/soup", { download: true, sameAs: ["hf:org/augreg"] });
		expect(checks.find(({ check }) => check === "CS010")?.status).toBe("failed");
	});

	test("refuses bytes that are not those of the listing, and leaves none of them", async () => {
		damageStorage(at.double, "org/soup", weightBytes - 3);
		await expect(verify("hf:org/soup", { download: true })).rejects.toMatchObject({ code: "ERR_HUB_INTEGRITY" });
		expect(stored()).toEqual([]);
	});

	test("leaves nothing when the Hub breaks off", async () => {
		at.double.faults.add({ route: "storage-get", nth: 2, times: 99, effect: { kind: "status", status: 403 } });
		at.double.faults.add({ route: "resolve", nth: 3, times: 99, effect: { kind: "status", status: 403 } });
		await expect(verify("hf:org/soup", { download: true })).rejects.toMatchObject({ code: "ERR_HUB_FORBIDDEN" });
		expect(stored()).toEqual([]);
	});

	test("leaves nothing when the run is aborted", async () => {
		const controller = new AbortController();
		const reason = new Error("enough");
		const onProgress = () => controller.abort(reason);
		const watch = { signal: controller.signal, onProgress };
		await expect(verify("hf:org/rewind", { download: true }, watch)).rejects.toBe(reason);
		expect(stored()).toEqual([]);
	});
});

describe("embed hf:", () => {
	const texts = ["0", "1"];

	test("computes with --download what it computes of the files", async () => {
		const local = await embed(digitsPath("augreg"), { texts });
		const remote = await embed("hf:org/augreg", { texts, download: true });
		expect(remote.texts).toEqual(local.texts);
		expect(stored()).toEqual([]);
	});

	test("takes no tokenizer from there, and says what to do", async () => {
		const options = { texts, tokenizer: "hf:org/augreg" };
		await expect(embed(digitsPath("augreg"), options)).rejects.toMatchObject({
			code: "ERR_USAGE",
			fix: expect.stringContaining("hf download"),
		});
		expect(at.double.takeRoutes()).toEqual([]);
	});

	test("without it says what to do", async () => {
		const { exitCode, stderr } = await runCli(["embed", "hf:org/augreg", "--text", "0"], { env: at.env });
		expect(exitCode).toBe(2);
		expect(stderr).toMatch(
			/^error\[ERR_USAGE\]: Cannot compute the features of "hf:org\/augreg.*\n {2}fix: give --download/,
		);
		expect(sentBytes(at.double, "org/augreg")).toBeLessThan(weightBytes / 2);
	});
});

describe("export-onnx hf:", () => {
	test("copies the weights beside the output, never points to the temporary folder", async () => {
		// An output above the temporary folder could point into it.
		const output = join(at.watched, "model.onnx");
		const result = await exportOnnx("hf:org/soup", { output, download: true, fsync: false });
		expect(result).toMatchObject({ weights: ["model.onnx.safetensors"], copiedByteLength: weightBytes });
		expect(stored().sort()).toEqual(["model.onnx", "model.onnx.safetensors"]);
	});

	test("without --download says what to do", async () => {
		const output = join(at.folder, "model.onnx");
		await expect(exportOnnx("hf:org/augreg", { output })).rejects.toMatchObject({
			code: "ERR_USAGE",
			fix: expect.stringContaining("--download"),
		});
	});
});

test.each([
	["sign", () => sign("hf:org/soup", { key: "key.pem" })],
	["publish", () => publish("hf:org/soup", { repo: "org/x" })],
])("%s hf: is refused with what to do, before anything is asked", async (_, run) => {
	const work = run();
	await expect(work).rejects.toMatchObject({ code: "ERR_USAGE", fix: expect.stringContaining("hf download") });
});

test.each([
	["--output", "avg"],
	["-o", "convert"],
] as const)("%s hf: of %s is no folder of that name", async (flag, command) => {
	const more = command === "convert" ? ["--to", "hf"] : [];
	const run = await runCli([command, digitsPath("augreg"), ...more, flag, "hf:org/new"], {
		env: at.env,
		cwd: at.folder,
	});
	expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Cannot write "hf:org/new"') });
});

test("--arch-config hf: is read from the repository, at the commit of the run", async () => {
	const bare = "hf:org/augreg:open_clip_model.safetensors";
	const archConfig = "hf:org/augreg:open_clip_config.json";
	at.double.takeRoutes();
	const { model } = await inspect(bare, { archConfig });
	expect(model?.missing).toEqual([]);
	expect(at.double.takeRoutes().filter((route) => route === "revision")).toHaveLength(1);
	await convert(bare, { to: ["hf"], output: join(at.folder, "hf"), archConfig, fsync: false });
	const to = { to: ["hf"], output: join(at.folder, "other") } as const;
	await expect(
		convert(bare, { ...to, archConfig: `hf:org/augreg@${at.commits.augreg}:none.json` }),
	).rejects.toMatchObject({ code: "ERR_INPUT_NOT_FOUND" });
	vi.stubEnv("HF_HUB_OFFLINE", "1");
	await expect(convert(digitsPath("augreg"), { ...to, archConfig })).rejects.toMatchObject({ code: "ERR_HUB_OFFLINE" });
});
