import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readSmallFile } from "../bytes/small-file.ts";
import { ClipSoupError } from "../errors.ts";

/** A key of one of the curves that OpenSSF Model Signing names, and what goes with it. */
export interface SigningKey {
	readonly key: KeyObject;
	readonly curve: string;
	/** Hash that is signed, by node:crypto's name: as wide as the curve. */
	readonly hash: string;
	/** SHA-256 of the public key's PEM, 64 hex digits: how a signature names the key that made it. */
	readonly hint: string;
}

const CURVES: ReadonlyMap<string | undefined, { readonly curve: string; readonly hash: string }> = new Map([
	["prime256v1", { curve: "P-256", hash: "sha256" }],
	["secp384r1", { curve: "P-384", hash: "sha384" }],
	["secp521r1", { curve: "P-521", hash: "sha512" }],
]);

/**
 * Reads the key that signs.
 *
 * No error holds anything of the file's content, nor what OpenSSL says of it.
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_KEY_INVALID unless it is an unencrypted EC key of a known curve
 */
export async function readPrivateKey(path: string): Promise<SigningKey> {
	const pem = await readPem(path);
	if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
		const fix = `decrypt it into a file that only you can read: (umask 077; openssl ec -in ${path} -out plain.pem)`;
		throw invalidKey(path, "an encrypted private key", "one without a passphrase", fix);
	}
	if (!/-----BEGIN (EC |RSA )?PRIVATE KEY-----/.test(pem)) {
		const found = /-----BEGIN PUBLIC KEY-----/.test(pem) ? "a public key" : "no private key";
		throw invalidKey(path, found, "a private key in PEM", "give the key that the public one was made from");
	}
	return signingKey(path, "private key", () => createPrivateKey(pem));
}

/**
 * Reads the key that a signature is checked with.
 *
 * A private key is refused although it would do: where signatures are checked it has no business.
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_KEY_INVALID unless it is an EC key of a known curve
 */
export async function readPublicKey(path: string): Promise<SigningKey> {
	const pem = await readPem(path);
	if (!/-----BEGIN PUBLIC KEY-----/.test(pem)) {
		const found = /PRIVATE KEY-----/.test(pem) ? "a private key" : "no public key";
		const fix = "make the public key of a private one with openssl ec -in key.pem -pubout -out key.pub.pem";
		throw invalidKey(path, found, "a public key in PEM", fix);
	}
	return signingKey(path, "public key", () => createPublicKey(pem));
}

async function readPem(path: string): Promise<string> {
	const bytes = await readSmallFile(path);
	if (bytes !== undefined) return bytes.toString("utf8");
	throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot read the key "${path}": found no such file`, {
		fix: "check the path",
		details: { path },
	});
}

function signingKey(path: string, kind: string, parse: () => KeyObject): SigningKey {
	const key = parsed(path, kind, parse);
	const curve = CURVES.get(key.asymmetricKeyDetails?.namedCurve);
	if (curve !== undefined) return { key, ...curve, hint: hintOf(key) };
	const { namedCurve } = key.asymmetricKeyDetails ?? {};
	const found = `${key.asymmetricKeyType?.toUpperCase() ?? "unknown"} key${namedCurve ? ` on ${namedCurve}` : ""}`;
	const fix = "make one with openssl ecparam -name prime256v1 -genkey -noout -out key.pem";
	throw invalidKey(path, `one of another kind (${found})`, "an EC key on P-256, P-384 or P-521", fix);
}

function parsed(path: string, kind: string, parse: () => KeyObject): KeyObject {
	try {
		return parse();
	} catch {
		throw invalidKey(path, `a ${kind} that cannot be read`, `a ${kind} in PEM`, "check that the file is complete");
	}
}

function hintOf(key: KeyObject): string {
	const publicKey = key.type === "private" ? createPublicKey(key) : key;
	return createHash("sha256")
		.update(publicKey.export({ type: "spki", format: "pem" }))
		.digest("hex");
}

function invalidKey(path: string, found: string, expected: string, fix: string): ClipSoupError {
	return new ClipSoupError("ERR_KEY_INVALID", `Cannot use the key "${path}": found ${found}, expected ${expected}`, {
		fix,
		details: { path },
	});
}
