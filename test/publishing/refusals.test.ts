import { readFileSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { isClipSoupError } from "../../src/errors.ts";
import { connect } from "../../src/hub/connection.ts";
import { selectFiles } from "../../src/publishing/file-list.ts";
import { matchesGlob } from "../../src/publishing/file-names.ts";
import { checkpointBytes, f32 } from "../support/checkpoints.ts";
import { WRITER } from "../support/hub/accounts.ts";
import { type HubDouble, startHub } from "../support/hub/double.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { publishTo, REPO, soupFolder } from "./publishing.ts";

let double: HubDouble;
let folder: string;

const WEIGHTS = "open_clip_model.safetensors";
const LOOKS_SECRET = `hf_${"Ab1".repeat(12)}`;

beforeEach(async () => {
	double = await startHub();
	double.repository(REPO, { isPrivate: true });
	folder = await soupFolder();
});

function put(name: string, content: string | Uint8Array): Promise<void> {
	return writeFile(join(folder, name), content);
}

async function poison(): Promise<void> {
	const bytes = readFileSync(join(folder, WEIGHTS));
	new DataView(bytes.buffer, bytes.byteOffset).setUint32(bytes.length - 8, 0x7fc00000, true);
	await put(WEIGHTS, bytes);
}

async function flipByte(): Promise<void> {
	const bytes = readFileSync(join(folder, WEIGHTS));
	bytes[bytes.length - 8] = (bytes[bytes.length - 8] ?? 0) ^ 1;
	await put(WEIGHTS, bytes);
}

async function linkFolder(): Promise<void> {
	const outside = join(await temporaryFolder(), "elsewhere");
	await mkdir(outside);
	await writeFile(join(outside, "config.json"), "{}");
	await symlink(outside, join(folder, "vision"));
}

async function linkHidden(): Promise<void> {
	await mkdir(join(folder, ".git"));
	await put(".git/config", "[remote]");
	await symlink(".git/config", join(folder, "NOTICE"));
}

async function widen(): Promise<void> {
	const path = join(folder, "open_clip_config.json");
	const config = JSON.parse(readFileSync(path, "utf8"));
	await writeFile(path, JSON.stringify({ ...config, model_cfg: { ...config.model_cfg, embed_dim: 1 } }));
}

describe("nothing is sent at all of a folder with", () => {
	test.each([
		[".env", "ERR_UNSAFE_FILE", () => put(".env", "TOKEN=x")],
		[
			"a hidden file in a folder",
			"ERR_UNSAFE_FILE",
			() => mkdir(join(folder, "text")).then(() => put("text/.npmrc", "x")),
		],
		[
			"a link out of it",
			"ERR_UNSAFE_FILE",
			() => rm(join(folder, "merges.txt")).then(() => symlink("/etc/hostname", join(folder, "merges.txt"))),
		],
		["a link to nowhere", "ERR_UNSAFE_FILE", () => symlink("nowhere", join(folder, "added_tokens.json"))],
		["a file below a link out of it", "ERR_UNSAFE_FILE", linkFolder],
		["weights of no byte", "ERR_UNSAFE_FILE", () => put(WEIGHTS, "")],
		["a pickle", "ERR_PICKLE", () => put("pytorch_model.bin", "x")],
		["a token in a text", "ERR_SECRET", () => put("special_tokens_map.json", `{"a": "${LOOKS_SECRET}"}`)],
		["a token in UTF-16", "ERR_SECRET", () => put("LICENSE", Buffer.from(`\ufeffToken\n${LOOKS_SECRET}`, "utf16le"))],
		["a token after a word", "ERR_SECRET", () => put("NOTICE", `HF_${LOOKS_SECRET}`)],
		["a link to a hidden file", "ERR_UNSAFE_FILE", linkHidden],
		["a pickle elsewhere", "ERR_PICKLE", () => mkdir(join(folder, "sub")).then(() => put("sub/opt.pth", "x"))],
		["a private key", "ERR_SECRET", () => put("LICENSE", "\n-----BEGIN EC PRIVATE KEY-----\nMIG\n")],
		["a NaN", "ERR_NON_FINITE", poison],
		["a byte that is not the lock's", "ERR_LOCK_MISMATCH", flipByte],
		["no lock", "ERR_LOCK_MISMATCH", () => rm(join(folder, "clip-soup.lock.json"))],
		["a configuration of another model", "ERR_CHECK_FAILED", widen],
		[
			"a card of a licence that is none",
			"ERR_CARD_INVALID",
			() => put("README.md", "---\nlicense: no-such-license\n---\n"),
		],
		[
			"NaN in weights of another layout",
			"ERR_NON_FINITE",
			() => put("model.safetensors", checkpointBytes({ a: f32(1, Number.NaN) })),
		],
		[
			"a token in a header",
			"ERR_SECRET",
			() => put("model.safetensors", checkpointBytes({ a: f32(1) }, { by: LOOKS_SECRET })),
		],
	] as const)("%s", async (what, code, spoil) => {
		await spoil();
		const license = what.startsWith("a card") ? undefined : "mit";
		const error = await publishTo(double, folder, { license }).catch((thrown: unknown) => thrown);
		expect(error).toMatchObject({ code, exitCode: 4, fix: expect.any(String) });
		if (isClipSoupError(error)) expect(JSON.stringify([error, error.message])).not.toContain(LOOKS_SECRET);
		const written = double.requests.filter(({ method, route }) => method !== "GET" && route !== "validate-yaml");
		expect(written).toEqual([]);
	});
});

describe("the licence", () => {
	test("has to be known", async () => {
		await expect(publishTo(double, folder, { license: undefined })).rejects.toMatchObject({
			code: "ERR_LICENSE",
			exitCode: 4,
		});
		await put("README.md", "---\nlicense: apache-2.0\n---\nText.\n");
		const dry = { dryRun: true } as const;
		expect((await publishTo(double, folder, { ...dry, license: undefined })).plan.license).toBe("apache-2.0");
		await expect(publishTo(double, folder, dry)).rejects.toMatchObject({ code: "ERR_LICENSE" });
		const kept = await publishTo(double, folder, { ...dry, license: undefined, noCard: true });
		expect(kept.plan.license).toBe("apache-2.0");
		await rm(join(folder, "README.md"));
		expect((await publishTo(double, folder, { ...dry, noCard: true })).plan.license).toBe("mit");
	});
});

describe("what is allowed", () => {
	test("--no-lock, --allow-pickle and --include publish what they say", async () => {
		await rm(join(folder, "clip-soup.lock.json"));
		await put("pytorch_model.bin", "x");
		await mkdir(join(folder, "onnx"));
		await put("onnx/visual.onnx", "graph");
		await put("notes.txt", "not this");
		const { plan, leftOut } = await publishTo(double, folder, {
			dryRun: true,
			noLock: true,
			allowPickle: true,
			include: ["onnx/*.onnx"],
		});
		const added = plan.files.filter(({ action }) => action === "add").map(({ path }) => path);
		expect(added).toEqual(expect.arrayContaining(["onnx/visual.onnx", "pytorch_model.bin"]));
		expect(leftOut).toEqual(["notes.txt"]);
		await expect(
			publishTo(double, folder, { include: ["*.md"], noLock: true, allowPickle: true }),
		).rejects.toMatchObject({
			code: "ERR_USAGE",
		});
	});

	test("--include does not take in pickles by another name, nor --allow-pickle those that nobody asked for", async () => {
		await mkdir(join(folder, "sub"));
		const zip = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), Buffer.alloc(26), Buffer.from("archive/data.pkl")]);
		const pickles = { "a.dat": Buffer.from([0x80, 4, 0x95, 0]), "b.joblib": Buffer.from([0x80, 2]), "c.npz": zip };
		for (const [name, bytes] of Object.entries(pickles)) {
			await put(`sub/${name}`, bytes);
			const refusal = { code: "ERR_PICKLE", exitCode: 4, message: expect.stringContaining(`sub/${name}`) };
			await expect(selectFiles(folder, { include: [`sub/${name}`] })).rejects.toMatchObject(refusal);
		}
		await put("sub/opt.pth", "x");
		await put("pytorch_model.bin", "x");
		const { paths, leftOut } = await selectFiles(folder, { include: ["sub/*.dat"], allowPickle: true });
		expect(paths).toEqual(expect.arrayContaining(["pytorch_model.bin", "sub/a.dat"]));
		expect(leftOut).toEqual(["sub/b.joblib", "sub/c.npz", "sub/opt.pth"]);
	});

	test("a link inside the folder is the file that it leads to", async () => {
		await put("shared.txt", "text");
		await symlink("shared.txt", join(folder, "NOTICE"));
		expect((await selectFiles(folder)).paths).toContain("NOTICE");
	});

	test("what tools leave in folders is passed over", async () => {
		await mkdir(join(folder, ".git"));
		await put(".git/config", "secret");
		await put(".gitattributes", "x");
		const { paths, leftOut } = await selectFiles(folder);
		expect([...paths, ...leftOut].filter((path) => path.includes(".git"))).toEqual([]);
	});

	test("a lock that lies elsewhere is published under its name", async () => {
		const other = join(folder, "other.lock.json");
		await writeFile(other, readFileSync(join(folder, "clip-soup.lock.json")));
		await rm(join(folder, "clip-soup.lock.json"));
		const { plan } = await publishTo(double, folder, { dryRun: true, lock: other });
		expect(plan.files.map(({ path }) => path)).toContain("clip-soup.lock.json");
		const lock = JSON.parse(readFileSync(other, "utf8"));
		await writeFile(other, JSON.stringify({ ...lock, model: { ...lock.model, name: LOOKS_SECRET } }));
		const work = publishTo(double, folder, { dryRun: true, lock: other });
		await expect(work).rejects.toMatchObject({ code: "ERR_SECRET" });
	});
});

test.each([
	["*.md", "a.md", true],
	["*.md", "a/b.md", false],
	["**/*.md", "a/b/c.md", true],
	["**/*.md", "c.md", true],
	["onnx/**", "onnx/a/b", true],
	["a?.txt", "ab.txt", true],
	["a.txt", "abtxt", false],
	["a+(b)", "a+(b)", true],
])("the pattern %s and %s: %s", (pattern, path, isMatch) => {
	expect(matchesGlob(pattern, path)).toBe(isMatch);
});

test("offline nothing is asked, and the cure is not a download", async () => {
	const environment = { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: WRITER, HF_HUB_OFFLINE: "1" };
	await expect(publishTo(double, folder, { hub: { environment } })).rejects.toMatchObject({
		code: "ERR_HUB_OFFLINE",
		message: expect.stringMatching(/found that HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set$/),
		fix: "unset HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE",
	});
	expect(double.requests).toEqual([]);
});

test("an endpoint that is none is called what gave it", async () => {
	await expect(connect("org/name", { endpoint: "nope", environment: {} })).rejects.toMatchObject({
		code: "ERR_USAGE",
		message: expect.stringMatching(/^Cannot use --endpoint: /),
	});
	await expect(connect("org/name", { environment: { HF_ENDPOINT: "nope" } })).rejects.toMatchObject({
		message: expect.stringMatching(/^Cannot use HF_ENDPOINT: /),
	});
});
