import { cp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it, test } from "vitest";
import { checkSignature } from "../../src/checks/signature.ts";
import { temporaryFolder } from "../support/tmp.ts";

const VECTORS = resolve("fixtures/signing/vectors");
const PYTHON = resolve("fixtures/signing/python");
const key = join(VECTORS, "signing-key-pub.pem");

describe("signatures of others", () => {
	it("the official vector of the specification holds", async () => {
		const signature = join(VECTORS, "key.bundle.json");
		expect(await checkSignature(join(VECTORS, "model"), { signature, key })).toMatchObject({
			status: "passed",
			detail: "signed files: 2 (17 bytes), P-384 key e8450dec4eb99dae",
			findings: [],
		});
	});

	it("those of model_signing 1.1 hold", async () => {
		const signature = join(VECTORS, "model_signing-1.1.0.sig");
		expect(await checkSignature(join(VECTORS, "model"), { signature, key })).toMatchObject({ findings: [] });
	});

	it("those of model_signing 1.0, which hold the key itself, hold", async () => {
		const folder = await temporaryFolder();
		await cp(join(VECTORS, "model"), folder, { recursive: true });
		await rm(join(folder, "ignore-me"));
		const signature = join(VECTORS, "model_signing-1.0.1.sig");
		expect(await checkSignature(folder, { signature, key })).toMatchObject({ status: "passed", findings: [] });
	});

	it.each(["files", "shards", "blake2b"])("those of model_signing over %s hold", async (name) => {
		const options = { signature: join(PYTHON, `${name}.sig`), key: join(PYTHON, "key.pub.pem") };
		expect(await checkSignature(join(PYTHON, "model"), options)).toMatchObject({ status: "passed", findings: [] });
	});

	it.each([
		["sigstore.bundle.json", "found a keyless signature: not supported, expected a signature by key"],
		["certificate.bundle.json", "found a signature by certificate: not supported, expected a signature by key"],
		["invalid/missing-tlog-entries.bundle.json", "found a keyless signature: not supported"],
		["invalid/missing-envelope.bundle.json", 'found a faulty "dsseEnvelope"'],
		["invalid/missing-verification-material.bundle.json", 'found a faulty "verificationMaterial"'],
		["invalid/empty.bundle.json", "found no JSON object"],
	])("%s is refused", async (name, message) => {
		const check = checkSignature(join(VECTORS, "model"), { signature: join(VECTORS, name), key });
		await expect(check).rejects.toMatchObject({
			code: "ERR_SIGNATURE_INVALID",
			exitCode: 3,
			message: expect.stringContaining(message),
		});
	});

	test("a hash that is not supported is refused, never passed", async () => {
		const options = { signature: join(PYTHON, "blake3.sig"), key: join(PYTHON, "key.pub.pem") };
		await expect(checkSignature(join(PYTHON, "model"), options)).rejects.toMatchObject({
			code: "ERR_SIGNATURE_INVALID",
			message: expect.stringContaining("found digests by blake3: not supported"),
		});
	});

	test("the vector with a predicate that was changed after signing does not hold", async () => {
		const signature = join(VECTORS, "invalid/wrong-predicate.bundle.json");
		expect(await checkSignature(join(VECTORS, "model"), { signature, key })).toMatchObject({ status: "failed" });
	});
});
