import { createHash, sign, verify } from "node:crypto";
import * as z from "zod";
import { readSmallFile } from "../bytes/small-file.ts";
import { ClipSoupError } from "../errors.ts";
import { invalidSignature, parseJson } from "./invalid-signature.ts";
import type { SigningKey } from "./keys.ts";

/** A signature by key, as its file holds it: nothing in it is trusted yet. */
export interface SignatureBundle {
	/** The in-toto statement that was signed, as JSON. */
	readonly payload: Buffer;
	/** DER, as ECDSA signatures come. */
	readonly signature: Buffer;
	/** What it says of its key; undefined if it says nothing. */
	readonly hint: string | undefined;
}

const PAYLOAD_TYPE = "application/vnd.in-toto+json";

const bundleSchema = z.object({
	/** Both spellings of the versions that have a DSSE envelope of one form. */
	mediaType: z.string().regex(/^application\/vnd\.dev\.sigstore\.bundle(\.v0\.[123]\+json|\+json;version=0\.[123])$/),
	verificationMaterial: z.object({
		/** `rawBytes` is the PEM itself, which model_signing before 1.1 wrote. */
		publicKey: z.object({ hint: z.string().optional(), rawBytes: z.base64().optional() }),
	}),
	dsseEnvelope: z.object({
		payload: z.base64().min(1),
		payloadType: z.literal(PAYLOAD_TYPE),
		/** Sigstore allows one only. `keyid` says nothing here. */
		signatures: z.tuple([z.object({ sig: z.base64().min(1) })]),
	}),
});

/** What else Sigstore signs with, and needs its services, a clock or authorities to be checked. */
const otherMethodsSchema = z.object({
	verificationMaterial: z.object({ certificate: z.unknown(), x509CertificateChain: z.unknown() }).partial(),
});

/**
 * Reads a Sigstore bundle with a signature by key.
 *
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND; ERR_SIGNATURE_INVALID if it is none, or keyless, or by a certificate
 */
export async function readBundle(path: string): Promise<SignatureBundle> {
	const bytes = await readSmallFile(path);
	if (bytes === undefined) {
		const message = `Cannot read the signature "${path}": found no such file`;
		throw new ClipSoupError("ERR_INPUT_NOT_FOUND", message, { fix: "check the path", details: { path } });
	}
	const json = parseJson(bytes);
	refuseOtherMethods(path, json);
	const result = bundleSchema.safeParse(json);
	if (!result.success) throw invalidSignature(path, "a Sigstore bundle with a signature by key", result.error);
	const { verificationMaterial, dsseEnvelope } = result.data;
	const { hint, rawBytes } = verificationMaterial.publicKey;
	return {
		payload: Buffer.from(dsseEnvelope.payload, "base64"),
		signature: Buffer.from(dsseEnvelope.signatures[0].sig, "base64"),
		hint: hint ?? (rawBytes && createHash("sha256").update(Buffer.from(rawBytes, "base64")).digest("hex")),
	};
}

function refuseOtherMethods(path: string, json: unknown): void {
	const { certificate, x509CertificateChain } = otherMethodsSchema.safeParse(json).data?.verificationMaterial ?? {};
	const found = certificate ? "a keyless signature" : x509CertificateChain ? "a signature by certificate" : undefined;
	if (found === undefined) return;
	const message = `Cannot use "${path}": found ${found}: not supported, expected a signature by key`;
	const fix = "check it with the model_signing tool";
	throw new ClipSoupError("ERR_SIGNATURE_INVALID", message, { fix, details: { path } });
}

/** Signs a statement and lays out the bundle, as model_signing 1.1 does: Sigstore bundle v0.3, DSSE. */
export function signedBundle(payload: Buffer, { key, hash, hint }: SigningKey): unknown {
	const sig = sign(hash, preAuthenticationEncoding(payload), key).toString("base64");
	return {
		mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
		dsseEnvelope: {
			payload: payload.toString("base64"),
			payloadType: PAYLOAD_TYPE,
			signatures: [{ sig, keyid: "" }],
		},
	};
}

/** Whether this key signed this payload. */
export function isSignedBy({ payload, signature }: SignatureBundle, { key, hash }: SigningKey): boolean {
	return verify(hash, preAuthenticationEncoding(payload), key, signature);
}

/** What DSSE signs: type and payload with their lengths. https://github.com/secure-systems-lab/dsse protocol.md */
function preAuthenticationEncoding(payload: Buffer): Buffer {
	return Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.byteLength} `), payload]);
}
