import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkSignature } from "../../src/checks/signature.ts";
import { temporaryName } from "../../src/output/temporary.ts";
import { readSignature, statementIn, writeKeys } from "../signing/folders.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { asOrdinaryUser } from "./expectations.ts";

async function workspace() {
	const folder = await temporaryFolder();
	await mkdir(join(folder, "soup/vision"), { recursive: true });
	await writeFile(join(folder, "soup/config.json"), "{}");
	await writeFile(join(folder, "soup/vision/model.safetensors"), "weights");
	return { folder, ...(await writeKeys(folder, "P-256")) };
}

describe("sign", () => {
	it("writes a signature that holds, and tells what was signed", async () => {
		const { folder, publicKey } = await workspace();
		const run = await runCli(["sign", "soup", "--key", "key.pem"], { cwd: folder });
		expect(run).toMatchObject({ exitCode: 0, stderr: "" });
		expect(run.stdout).toMatch(
			/^signature +soup\/model\.sig\nfiles +2 files, 9 B\ndigest +sha256:[0-9a-f]{64}\nkey +P-256, [0-9a-f]{64}\n$/,
		);
		const signature = join(folder, "soup/model.sig");
		expect(await checkSignature(join(folder, "soup"), { signature, key: publicKey })).toMatchObject({
			status: "passed",
		});
		expect(await readdir(join(folder, "soup"))).toEqual(["config.json", "model.sig", "vision"]);
	});

	it("records what it left out, and names the model after its folder", async () => {
		const { folder } = await workspace();
		await runCli(["sign", "soup/.", "--key", "key.pem", "--quiet"], { cwd: folder });
		const { subject, predicate } = statementIn(await readSignature(join(folder, "soup/model.sig")));
		expect(subject).toMatchObject([{ name: "soup" }]);
		expect(predicate.serialization).toEqual({
			method: "files",
			hash_type: "sha256",
			allow_symlinks: false,
			ignore_paths: [".git", ".gitattributes", ".github", ".gitignore", "model.sig"],
		});
		expect(predicate.resources.map(({ name }) => name)).toEqual(["config.json", "vision/model.safetensors"]);
	});

	it("writes elsewhere with -o, the folder too", async () => {
		const { folder } = await workspace();
		const run = await runCli(["sign", "soup", "--key", "key.pem", "-o", "out/a.sig", "--json"], { cwd: folder });
		expect(JSON.parse(run.stdout)).toEqual({
			schemaVersion: 1,
			command: "sign",
			outcome: "ok",
			exitCode: 0,
			result: {
				path: "soup",
				output: "out/a.sig",
				files: [
					{ path: "config.json", byteLength: 2, sha256: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
					{ path: "vision/model.safetensors", byteLength: 7, sha256: expect.any(String) },
				],
				byteLength: 9,
				rootDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
				curve: "P-256",
				keyHint: expect.stringMatching(/^[0-9a-f]{64}$/),
			},
		});
		expect(await readdir(join(folder, "out"))).toEqual(["a.sig"]);
	});

	it("does not sign what a dead run left, which the next one removes", async () => {
		const { folder, publicKey } = await workspace();
		const dead = spawnSync(process.execPath, ["-e", ""]).pid;
		const leftover = join(folder, "soup", temporaryName("model.sig").replace(`-${process.pid}-`, `-${dead}-`));
		await writeFile(leftover, "half");
		await runCli(["sign", "soup", "--key", "key.pem"], { cwd: folder });
		const options = { signature: join(folder, "soup/model.sig"), key: publicKey };
		expect(await checkSignature(join(folder, "soup"), options)).toMatchObject({ status: "passed", findings: [] });
	});

	it("replaces a signature with --force only", async () => {
		const { folder } = await workspace();
		const args = ["sign", "soup", "--key", "key.pem"];
		await runCli(args, { cwd: folder });
		const first = await readFile(join(folder, "soup/model.sig"), "utf8");
		const again = await runCli(args, { cwd: folder });
		expect(again).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("error[ERR_OUTPUT_EXISTS]") });
		expect(await readFile(join(folder, "soup/model.sig"), "utf8")).toBe(first);
		expect(await runCli([...args, "--force"], { cwd: folder })).toMatchObject({ exitCode: 0 });
		expect(await readFile(join(folder, "soup/model.sig"), "utf8")).not.toBe(first);
	});
});

describe("sign refuses", () => {
	const refusals: readonly {
		readonly what: string;
		readonly prepare?: (folder: string) => Promise<unknown>;
		readonly args: readonly string[];
		readonly exitCode: number;
		readonly stderr: string;
	}[] = [
		{ what: "no key", args: [], exitCode: 2, stderr: "error[ERR_USAGE]" },
		{ what: "a key that is not there", args: ["--key", "none.pem"], exitCode: 3, stderr: "error[ERR_INPUT_NOT_FOUND]" },
		{ what: "the public key", args: ["--key", "key.pub.pem"], exitCode: 2, stderr: "found a public key" },
		{ what: "a file that is no key", args: ["--key", "soup/config.json"], exitCode: 2, stderr: "found no private key" },
		{
			what: "a key that was cut",
			prepare: async (folder) => {
				const pem = await readFile(join(folder, "key.pem"), "utf8");
				await writeFile(join(folder, "key.pem"), pem.replace(/\n[^-]{20}/, "\n"));
			},
			args: ["--key", "key.pem"],
			exitCode: 2,
			stderr: "found a private key that cannot be read",
		},
		{
			what: "an encrypted key",
			prepare: (folder) => writeOther(folder, "P-256", { cipher: "aes-256-cbc", passphrase: "secret" }),
			args: ["--key", "other.pem"],
			exitCode: 2,
			stderr: "found an encrypted private key, expected one without a passphrase",
		},
		{
			what: "an RSA key",
			prepare: async (folder) => {
				const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
				await writeFile(join(folder, "other.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
			},
			args: ["--key", "other.pem"],
			exitCode: 2,
			stderr: "found one of another kind (RSA key), expected an EC key on P-256, P-384 or P-521",
		},
		{
			what: "a key on another curve",
			prepare: (folder) => writeOther(folder, "secp256k1"),
			args: ["--key", "other.pem"],
			exitCode: 2,
			stderr: "(EC key on secp256k1)",
		},
		{
			what: "a key inside the folder",
			prepare: async (folder) => writeFile(join(folder, "soup/key.pem"), await readFile(join(folder, "key.pem"))),
			args: ["--key", "soup/key.pem"],
			exitCode: 2,
			stderr: "found it in the folder that is to be signed",
		},
		{
			what: "an output of another name",
			args: ["--key", "key.pem", "-o", "soup/config.json", "--force"],
			exitCode: 2,
			stderr: "expected a name that ends in .sig",
		},
		{
			what: "to replace the key",
			prepare: async (folder) => writeFile(join(folder, "key.sig"), await readFile(join(folder, "key.pem"))),
			args: ["--key", "key.sig", "-o", "key.sig", "--force"],
			exitCode: 4,
			stderr: "error[ERR_OUTPUT_IS_INPUT]",
		},
		{
			what: "a symbolic link",
			prepare: (folder) => symlink("config.json", join(folder, "soup/link.json")),
			args: ["--key", "key.pem"],
			exitCode: 3,
			stderr: 'Cannot sign "soup/link.json": found a symbolic link, expected a regular file',
		},
		{
			what: "a named pipe",
			prepare: async (folder) => execFileSync("mkfifo", [join(folder, "soup/pipe")]),
			args: ["--key", "key.pem"],
			exitCode: 3,
			stderr: "found a special file, expected a regular file",
		},
		{
			what: "an empty folder",
			prepare: async (folder) => {
				await rm(join(folder, "soup"), { recursive: true });
				await mkdir(join(folder, "soup/nothing"), { recursive: true });
			},
			args: ["--key", "key.pem"],
			exitCode: 3,
			stderr: "found no file, expected at least one",
		},
		{
			what: "a folder that is not there",
			prepare: (folder) => rm(join(folder, "soup"), { recursive: true }),
			args: ["--key", "key.pem"],
			exitCode: 3,
			stderr: 'Cannot list "soup": found no such folder',
		},
		{
			what: "a file",
			prepare: async (folder) => {
				await rm(join(folder, "soup"), { recursive: true });
				await writeFile(join(folder, "soup"), "");
			},
			args: ["--key", "key.pem"],
			exitCode: 2,
			stderr: "found a file, expected a folder",
		},
	];

	it.each(refusals)("$what", async ({ prepare, args, exitCode, stderr }) => {
		const { folder } = await workspace();
		await prepare?.(folder);
		const before = await readdir(folder, { recursive: true });
		const run = await runCli(["sign", "soup", ...args], { cwd: folder });
		expect(run).toMatchObject({ exitCode, stdout: "", stderr: expect.stringContaining(stderr) });
		expect(run.stderr).toContain("  fix: ");
		expect(await readdir(folder, { recursive: true })).toEqual(before);
		for (const secret of await secretsIn(folder)) expect(run.stderr).not.toContain(secret);
	});

	it.each([
		["a file that cannot be read", "soup/config.json", 0],
		["a folder that cannot be listed", "soup/vision", 0],
		["a folder whose files cannot be looked at", "soup/vision", 0o744],
	])("%s", async (_, path, mode) => {
		const { folder } = await workspace();
		await chmod(folder, 0o777);
		await chmod(join(folder, path), mode);
		const run = await runCli(["sign", "soup", "--key", "key.pem"], { cwd: folder, ...asOrdinaryUser() });
		expect(run).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("error[ERR_INPUT_UNREADABLE]") });
		await chmod(join(folder, path), 0o755);
		expect(await readdir(join(folder, "soup"))).toEqual(["config.json", "vision"]);
	});
});

async function writeOther(
	folder: string,
	namedCurve: string,
	encryption: { readonly cipher?: string; readonly passphrase?: string } = {},
): Promise<void> {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve });
	await writeFile(join(folder, "other.pem"), privateKey.export({ type: "pkcs8", format: "pem", ...encryption }));
}

/** Lines of the keys' base64, none of which may be printed. */
async function secretsIn(folder: string): Promise<string[]> {
	const names = (await readdir(folder)).filter((name) => name.endsWith(".pem") && !name.includes(".pub"));
	const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
	return texts.flatMap((text) => text.split("\n").filter((line) => line.length >= 10 && !line.startsWith("-")));
}
