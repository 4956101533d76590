import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { mkdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { checkSignature } from "../../src/checks/signature.ts";
import { sign } from "../../src/sign.ts";
import {
	type RawStatement,
	readSignature,
	type SignedFolder,
	signedFolder,
	signOther,
	writeKeys,
} from "../signing/folders.ts";

const check = ({ folder, signature, publicKey }: SignedFolder, ignoreUnsigned = false) =>
	checkSignature(folder, { signature, key: publicKey, ignoreUnsigned });

describe("a signature holds", () => {
	it.each(["P-256", "P-384", "P-521"])("on %s", async (curve) => {
		expect(await check(await signedFolder(undefined, curve))).toMatchObject({
			check: "CS013",
			status: "passed",
			detail: expect.stringMatching(new RegExp(`^signed files: 4 \\(11 bytes\\), ${curve} key [0-9a-f]{16}$`)),
			findings: [],
		});
	});

	it("whatever lies in git's own files at the top", async () => {
		const signed = await signedFolder();
		await mkdir(join(signed.folder, ".git"));
		for (const name of [".git/HEAD", ".gitattributes", ".gitignore"]) await writeFile(join(signed.folder, name), "");
		expect(await check(signed)).toMatchObject({ status: "passed", findings: [] });
	});

	it("from another place", async () => {
		const signed = await signedFolder();
		const signature = join(signed.folder, "../elsewhere.sig");
		await rename(signed.signature, signature);
		expect(await check({ ...signed, signature })).toMatchObject({ status: "passed", findings: [] });
	});

	it("with files that were not signed, if they may pass", async () => {
		const signed = await signedFolder();
		await writeFile(join(signed.folder, "extra.txt"), "");
		expect(await check(signed, true)).toMatchObject({
			status: "passed",
			detail: expect.stringContaining(", not signed: 1"),
		});
	});

	it("with a warning if it names another key: the hint is not signed", async () => {
		const signed = await signedFolder();
		const bundle = await readSignature(signed.signature);
		bundle.verificationMaterial.publicKey.hint = "00";
		await writeFile(signed.signature, JSON.stringify(bundle));
		expect(await check(signed)).toMatchObject({ status: "passed", findings: [{ level: "warning", found: "00" }] });
	});
});

describe("every change to the files is a finding", () => {
	const changes: readonly {
		readonly what: string;
		readonly change: (folder: string) => Promise<unknown>;
		readonly messages: readonly string[];
	}[] = [
		{
			what: "other bytes",
			change: (folder) => writeFile(join(folder, "model.safetensors"), "Weights"),
			messages: ['"model.safetensors" is not the file that was signed: found sha256:'],
		},
		{
			what: "fewer bytes",
			change: (folder) => truncate(join(folder, "sub/tokenizer.json"), 1),
			messages: ['"sub/tokenizer.json" is not the file that was signed'],
		},
		{
			what: "a file that is gone",
			change: (folder) => rm(join(folder, "config.json")),
			messages: ['"config.json" was signed: found no such file'],
		},
		{
			what: "a file of another name",
			change: (folder) => rename(join(folder, "config.json"), join(folder, "Config.json")),
			messages: ['"config.json" was signed', '"Config.json" was not signed'],
		},
		{
			what: "a file more, although empty",
			change: (folder) => writeFile(join(folder, "sub/evil.py"), ""),
			messages: ['"sub/evil.py" was not signed'],
		},
		{
			what: "git's names below the top",
			change: (folder) => writeFile(join(folder, "sub/.gitignore"), ""),
			messages: ['"sub/.gitignore" was not signed'],
		},
		{
			what: "a folder in place of a file",
			change: async (folder) => {
				await rm(join(folder, "config.json"));
				await mkdir(join(folder, "config.json"));
			},
			messages: ['"config.json" was signed'],
		},
		{
			what: "a symbolic link to the same bytes",
			change: async (folder) => {
				await rename(join(folder, "config.json"), join(folder, "../config.json"));
				await symlink("../config.json", join(folder, "config.json"));
			},
			messages: ['"config.json" was signed', '"config.json" was not signed: found a symbolic link'],
		},
		{
			what: "a symbolic link to the folder of the same files",
			change: async (folder) => {
				await rename(join(folder, "sub"), join(folder, "../sub"));
				await symlink("../sub", join(folder, "sub"));
			},
			messages: ['"sub/tokenizer.json" was signed', '"sub" was not signed: found a symbolic link'],
		},
		{
			what: "a named pipe",
			change: async (folder) => execFileSync("mkfifo", [join(folder, "pipe")]),
			messages: ['"pipe" was not signed: found a special file'],
		},
	];

	it.each(changes)("$what", async ({ change, messages }) => {
		const signed = await signedFolder();
		await change(signed.folder);
		const { status, findings } = await check(signed);
		expect(status).toBe("failed");
		expect(findings.map(({ message }) => message)).toEqual(messages.map((message) => expect.stringContaining(message)));
	});

	test.runIf(process.platform === "linux")("a name that is no UTF-8 does not hide behind one that is", async () => {
		const signed = await signedFolder({ "a\ufffd": "signed" });
		await writeFile(Buffer.concat([Buffer.from(`${signed.folder}/a`), Buffer.of(0xff)]), "evil");
		expect((await check(signed)).findings.map(({ message }) => message)).toEqual([
			expect.stringContaining("found a file whose name is not UTF-8"),
		]);
	});
});

it("a file that grew after it was listed is read to its end", async () => {
	const { folder, signature, publicKey } = await signedFolder({ a: "1", b: "2" });
	let isFirst = true;
	const onProgress = () => {
		if (isFirst) appendFileSync(join(folder, "b"), "3");
		isFirst = false;
	};
	const { findings } = await checkSignature(folder, { signature, key: publicKey }, { onProgress });
	expect(findings).toMatchObject([{ file: "b" }]);
});

describe("files that are left out by their name", () => {
	it("count if they were signed all the same", async () => {
		const signed = await signedFolder();
		const path = join(signed.folder, ".git/hooks");
		await mkdir(join(signed.folder, ".git"));
		await writeFile(path, "e");
		await writeFile(join(signed.folder, ".git/HEAD"), "");
		await signOther(signed, (statement) => {
			const digest = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea";
			statement.predicate.resources.push({ name: ".git/hooks", algorithm: "sha256", digest });
			for (const subject of statement.subject) subject.digest.sha256 = rootOf(statement);
			return statement;
		});
		expect(await check(signed)).toMatchObject({
			status: "passed",
			findings: [],
			detail: expect.stringMatching(/^signed files: 5 /),
		});
		await writeFile(path, "x");
		expect((await check(signed)).findings).toMatchObject([{ file: ".git/hooks" }]);
	});
});

describe("every change to the signature is a finding", () => {
	it("another key", async () => {
		const signed = await signedFolder();
		const { publicKey } = await writeKeys(join(signed.folder, ".."), "P-256", "other");
		const { status, findings } = await check({ ...signed, publicKey });
		expect(status).toBe("failed");
		expect(findings).toEqual([
			expect.objectContaining({ message: expect.stringContaining('"model.sig" was made with another key: found ') }),
		]);
	});

	it("another key of another curve", async () => {
		const signed = await signedFolder();
		const { publicKey } = await writeKeys(join(signed.folder, ".."), "P-384", "other");
		expect((await check({ ...signed, publicKey })).findings).toMatchObject([{ level: "error" }]);
	});

	it("another statement", async () => {
		const signed = await signedFolder();
		await writeFile(join(signed.folder, "config.json"), "!");
		const bundle = await readSignature(signed.signature);
		const text = Buffer.from(bundle.dsseEnvelope.payload, "base64").toString().replace(/a/, "b");
		bundle.dsseEnvelope.payload = Buffer.from(text).toString("base64");
		await writeFile(signed.signature, JSON.stringify(bundle));
		const { status, findings } = await check(signed);
		expect(status).toBe("failed");
		// Of a statement that nobody signed, nothing is said: not even which files differ.
		expect(findings.map(({ message }) => message)).toEqual([
			expect.stringContaining("found a statement or a signature that was altered"),
		]);
	});

	it("another signature", async () => {
		const signed = await signedFolder();
		const bundle = await readSignature(signed.signature);
		for (const signature of bundle.dsseEnvelope.signatures) signature.sig = Buffer.alloc(70, 1).toString("base64");
		await writeFile(signed.signature, JSON.stringify(bundle));
		expect(await check(signed)).toMatchObject({ status: "failed" });
	});

	it("a subject that is not the sum of its resources", async () => {
		const signed = await signedFolder();
		await signOther(signed, (statement) => {
			for (const subject of statement.subject) subject.digest.sha256 = "00";
			return statement;
		});
		expect((await check(signed)).findings).toMatchObject([
			{ level: "error", message: expect.stringContaining("contradicts itself: found 00 as digest of its subject") },
		]);
	});

	it("a path that leads out of the folder, which is never opened", async () => {
		const signed = await signedFolder();
		await signOther(signed, (statement) => {
			for (const resource of statement.predicate.resources) resource.name = `../soup/${resource.name}`;
			return statement;
		});
		const messages = (await check(signed)).findings.map(({ message }) => message);
		expect(messages).toHaveLength(8);
		expect(messages).toContainEqual(expect.stringContaining('"../soup/config.json" was signed: found no such file'));
	});
});

describe("a signed statement of another form is refused", () => {
	const others: readonly (readonly [string, (statement: RawStatement) => unknown, string])[] = [
		["no statement", () => "hello", "found no JSON object"],
		["another predicate", (statement) => ({ ...statement, predicateType: "https://x" }), '"predicateType"'],
		[
			"two subjects",
			(statement) => ({ ...statement, subject: [...statement.subject, ...statement.subject] }),
			'"subject"',
		],
		[
			"a file twice",
			({ predicate, ...rest }) => {
				const { resources } = predicate;
				return { ...rest, predicate: { ...predicate, resources: [...resources, ...resources] } };
			},
			'found "config.json" twice',
		],
		[
			"another hash for one file",
			(statement) => {
				for (const resource of statement.predicate.resources) resource.algorithm = "sha1";
				return statement;
			},
			"found a digest by sha1",
		],
		[
			"no files",
			(statement) => ({ ...statement, predicate: { ...statement.predicate, resources: [] } }),
			'"predicate.resources"',
		],
		["shards with gaps", (statement) => sharded(statement, ["a:0:4", "a:8:9"]), "with gaps or overlaps"],
		["shards that overlap", (statement) => sharded(statement, ["a:0:4", "a:3:5"]), "with gaps or overlaps"],
		["shards that do not begin at the start", (statement) => sharded(statement, ["a:4:8"]), "with gaps or overlaps"],
		["a shard longer than it may be", (statement) => sharded(statement, ["a:0:5"]), "with gaps or overlaps"],
		["a shard without its place", (statement) => sharded(statement, ["a"]), 'found a shard called "a"'],
	];

	it.each(others)("%s", async (_, change, message) => {
		const signed = await signedFolder();
		await signOther(signed, change);
		await expect(check(signed)).rejects.toMatchObject({
			code: "ERR_SIGNATURE_INVALID",
			message: expect.stringContaining(message),
		});
	});
});

describe("shards", () => {
	const DIGESTS = {
		abcd: "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589",
		e: "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea",
	};

	async function shardedFolder(): Promise<SignedFolder> {
		const signed = await signedFolder({ "w:1": "abcde", empty: "" });
		await signOther(signed, (statement) => sharded(statement, ["w:1:0:4", "w:1:4:5"], [DIGESTS.abcd, DIGESTS.e]));
		return signed;
	}

	/** The subject's digest is off in these statements, which is a finding of its own. */
	async function findingsOf(signed: SignedFolder): Promise<string[]> {
		const { findings } = await check(signed);
		return findings.map(({ message }) => message).filter((message) => !message.includes("contradicts itself"));
	}

	it("hold for a path with a colon, and for empty files without being named", async () => {
		expect(await findingsOf(await shardedFolder())).toEqual([]);
	});

	it("tell which bytes are others", async () => {
		const signed = await shardedFolder();
		await writeFile(join(signed.folder, "w:1"), "abcdX");
		expect(await findingsOf(signed)).toEqual([
			expect.stringContaining('"w:1" is not the file that was signed in bytes 4 to 4: found sha256:'),
		]);
	});

	it("tell another length without reading", async () => {
		const signed = await shardedFolder();
		await writeFile(join(signed.folder, "w:1"), "abcdef");
		expect(await findingsOf(signed)).toEqual([expect.stringContaining("found 6 bytes, expected 5")]);
	});
});

function sharded(statement: RawStatement, names: readonly string[], digests: readonly string[] = []): unknown {
	const serialization = { ...statement.predicate.serialization, method: "shards", shard_size: 4 };
	const resources = names.map((name, index) => ({ name, algorithm: "sha256", digest: digests[index] ?? "00" }));
	return { ...statement, predicate: { serialization, resources } };
}

describe("symbolic links where the signature allows them", () => {
	it("count as what they lead to, and a circle is a finding", async () => {
		const signed = await signedFolder();
		await signOther(signed, (statement) => {
			statement.predicate.serialization.allow_symlinks = true;
			return statement;
		});
		await rename(join(signed.folder, "sub"), join(signed.folder, "../sub"));
		await symlink("../sub", join(signed.folder, "sub"));
		expect(await check(signed)).toMatchObject({ status: "passed", findings: [] });
		await symlink("../soup", join(signed.folder, "sub/circle"));
		expect((await check(signed)).findings).toMatchObject([
			{ message: expect.stringContaining('"sub/circle" was not signed: found a symbolic link') },
		]);
	});
});

/** The digest of all digests, by the specification: SHA-256 over their bytes. */
function rootOf({ predicate }: RawStatement): string {
	const hash = createHash("sha256");
	for (const { digest } of predicate.resources) hash.update(Buffer.from(digest, "hex"));
	return hash.digest("hex");
}

describe("what keeps the check from running", () => {
	it.each([
		["a signature that is not there", { signature: "none.sig" }, "ERR_INPUT_NOT_FOUND"],
		["a folder that is not there", { folder: "none" }, "ERR_INPUT_NOT_FOUND"],
		["a file in place of the folder", { folder: "package.json" }, "ERR_USAGE"],
		["a key that is not there", { publicKey: "none.pem" }, "ERR_INPUT_NOT_FOUND"],
		["a file that is no key", { publicKey: "package.json" }, "ERR_KEY_INVALID"],
	] as const)("%s", async (_, change, code) => {
		const signed = await signedFolder();
		await expect(check({ ...signed, ...change })).rejects.toMatchObject({ code });
	});

	it("the private key, which has no business here", async () => {
		const signed = await signedFolder();
		await expect(check({ ...signed, publicKey: signed.privateKey })).rejects.toMatchObject({
			code: "ERR_KEY_INVALID",
			message: expect.stringContaining("found a private key, expected a public key"),
		});
	});

	it("a file that changes while it is read", async () => {
		const { folder, signature, publicKey, privateKey } = await signedFolder({ "model.safetensors": "weights" });
		const watch = { onProgress: () => appendFileSync(join(folder, "model.safetensors"), "!") };
		const changed = { code: "ERR_INPUT_CHANGED" };
		await expect(checkSignature(folder, { signature, key: publicKey }, watch)).rejects.toMatchObject(changed);
		await expect(sign(folder, { key: privateKey, force: true }, watch)).rejects.toMatchObject(changed);
	});

	it("an abort", async () => {
		const { folder, signature, publicKey } = await signedFolder();
		const watch = { signal: AbortSignal.abort(new Error("enough")) };
		await expect(checkSignature(folder, { signature, key: publicKey }, watch)).rejects.toThrow("enough");
	});
});
