import { basename } from "node:path";
import type { Watch } from "../progress.ts";
import { isSignedBy, readBundle, type SignatureBundle } from "../signing/bundle.ts";
import { compareFolder } from "../signing/compare.ts";
import { readPublicKey, type SigningKey } from "../signing/keys.ts";
import { parseStatement, type Statement } from "../signing/statement.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";

export interface SignatureOptions {
	/** A Sigstore bundle with a signature by key, as `sign` and `model_signing sign key` write it. */
	readonly signature: string;
	/** The public key that is trusted, in PEM. */
	readonly key: string;
	/** Let files pass that were not signed. Default false. */
	readonly ignoreUnsigned?: boolean | undefined;
}

/**
 * CS013: whether this key signed exactly these files (OpenSSF Model Signing v1.0).
 *
 * Nothing of the statement is believed, nor any file read, before the signature holds for the given key.
 * @param folder the model's: a signature is for all files in it
 * @throws {ClipSoupError} what keeps the check from running: ERR_SIGNATURE_INVALID for a file of another form or another
 *   method than by key, ERR_KEY_INVALID, ERR_USAGE if `folder` is a file, and what reading throws
 */
export async function checkSignature(
	folder: string,
	{ signature, key: keyPath, ignoreUnsigned = false }: SignatureOptions,
	watch: Watch = {},
): Promise<CheckResult> {
	const start = performance.now();
	const key = await readPublicKey(keyPath);
	const bundle = await readBundle(signature);
	const ran = (detail: string, findings: readonly Finding[]) =>
		ranCheck("CS013", (performance.now() - start) / 1000, { detail, findings });
	if (!isSignedBy(bundle, key)) return ran("the signature does not hold", [forged(bundle, key, basename(signature))]);

	const statement = parseStatement(bundle.payload, signature);
	const compared = await compareFolder(folder, statement, { signature, ignoreUnsigned }, watch);
	const passed = ignoreUnsigned && compared.unsigned.length > 0 ? `, not signed: ${compared.unsigned.length}` : "";
	return ran(
		`signed files: ${statement.files.length} (${compared.byteLength} bytes), ${key.curve} key ${key.hint.slice(0, 16)}${passed}`,
		[...inconsistencies(bundle, key, statement, basename(signature)), ...compared.findings],
	);
}

/** Why a signature does not hold: its own hint tells which of two reasons is likely. */
function forged({ hint }: SignatureBundle, key: SigningKey, file: string): Finding {
	const isOther = hint !== undefined && hint !== key.hint;
	return isOther
		? {
				level: "error",
				message: `"${file}" was made with another key: found ${hint}, expected ${key.hint} as of the key given`,
				file,
				found: hint,
				expected: key.hint,
			}
		: {
				level: "error",
				message: `"${file}" does not hold: found a statement or a signature that was altered, expected what the key signed`,
				file,
			};
}

function inconsistencies({ hint }: SignatureBundle, key: SigningKey, statement: Statement, file: string): Finding[] {
	const { stated, computed } = statement.rootDigest;
	const findings: Finding[] = [];
	if (stated !== computed) {
		const message = `"${file}" contradicts itself: found ${stated} as digest of its subject, expected ${computed} by its resources`;
		findings.push({ level: "error", message, file, found: stated, expected: computed });
	}
	if (hint !== undefined && hint !== key.hint) {
		// The hint is not signed: it can mislead tools that choose a key by it, and proves nothing.
		const message = `"${file}" names the key ${hint}, although ${key.hint} made it`;
		findings.push({ level: "warning", message, file, found: hint, expected: key.hint });
	}
	return findings;
}
