import { generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { sign } from "../../src/sign.ts";
import { signedBundle } from "../../src/signing/bundle.ts";
import { readPrivateKey } from "../../src/signing/keys.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** A folder that was signed, with the keys beside it. */
export interface SignedFolder {
	readonly folder: string;
	readonly signature: string;
	readonly privateKey: string;
	readonly publicKey: string;
}

export const FILES = { "model.safetensors": "weights", "config.json": "{}", "sub/tokenizer.json": "[]", empty: "" };

/** Writes files, keys and a signature to a temporary folder. */
export async function signedFolder(
	files: Readonly<Record<string, string | Uint8Array>> = FILES,
	curve = "P-256",
): Promise<SignedFolder> {
	const root = await temporaryFolder();
	const folder = join(root, "soup");
	for (const [path, bytes] of Object.entries(files)) {
		await mkdir(dirname(join(folder, path)), { recursive: true });
		await writeFile(join(folder, path), bytes);
	}
	const { privateKey, publicKey } = await writeKeys(root, curve);
	const { output } = await sign(folder, { key: privateKey, fsync: false });
	return { folder, signature: output, privateKey, publicKey };
}

/** Writes a new pair of keys, as openssl does. */
export async function writeKeys(
	folder: string,
	namedCurve: string,
	name = "key",
): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
	const pair = generateKeyPairSync("ec", { namedCurve });
	const [privateKey, publicKey] = [join(folder, `${name}.pem`), join(folder, `${name}.pub.pem`)];
	await writeFile(privateKey, pair.privateKey.export({ type: "sec1", format: "pem" }));
	await writeFile(publicKey, pair.publicKey.export({ type: "spki", format: "pem" }));
	return { privateKey, publicKey };
}

const bundleSchema = z.looseObject({
	verificationMaterial: z.looseObject({ publicKey: z.looseObject({ hint: z.string() }) }),
	dsseEnvelope: z.looseObject({ payload: z.string(), signatures: z.array(z.looseObject({ sig: z.string() })) }),
});
export type Bundle = z.infer<typeof bundleSchema>;

export async function readSignature(path: string): Promise<Bundle> {
	return bundleSchema.parse(JSON.parse(await readFile(path, "utf8")));
}

const statementSchema = z.looseObject({
	subject: z.array(z.looseObject({ name: z.string(), digest: z.record(z.string(), z.string()) })),
	predicate: z.looseObject({
		serialization: z.record(z.string(), z.unknown()),
		resources: z.array(z.looseObject({ name: z.string(), digest: z.string() })),
	}),
});
export type RawStatement = z.infer<typeof statementSchema>;

export function statementIn({ dsseEnvelope }: Bundle): RawStatement {
	return statementSchema.parse(JSON.parse(Buffer.from(dsseEnvelope.payload, "base64").toString()));
}

/** Replaces what was signed by something else that the same key signs: a signer with other intentions. */
export async function signOther(
	{ signature, privateKey }: SignedFolder,
	change: (statement: RawStatement) => unknown,
): Promise<void> {
	const payload = Buffer.from(JSON.stringify(change(statementIn(await readSignature(signature)))));
	await writeFile(signature, JSON.stringify(signedBundle(payload, await readPrivateKey(privateKey))));
}
