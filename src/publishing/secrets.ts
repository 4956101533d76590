import { ClipSoupError } from "../errors.ts";

/**
 * Forms of secrets that are found in files by accident. What stands before or behind them does not matter: a token is one
 * in `HF_hf_…` too.
 */
const SECRETS: readonly { readonly name: string; readonly form: RegExp }[] = [
	{ name: "a token of the Hub", form: /hf_(?:(?:jwt|oauth)_[\w.-]{20,}|[A-Za-z0-9]{30,})/ },
	{ name: "a key of AWS", form: /(?<![0-9A-Za-z])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])/ },
	{ name: "a token of GitHub", form: /(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})/ },
	{ name: "a private key", form: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/ },
];

/**
 * A fault for each form of secret in a text; its message does not hold the secret.
 *
 * @param given in any encoding that has ASCII in it, read as Latin-1: UTF-16 and UTF-32 are ASCII between zero bytes
 */
export function secretFaults(path: string, given: string): ClipSoupError[] {
	const text = given.replaceAll("\0", "");
	return SECRETS.filter(({ form }) => form.test(text)).map(
		({ name, form }) =>
			new ClipSoupError("ERR_SECRET", `Cannot publish "${path}": found ${name} in line ${lineOf(text, form)}`, {
				fix: "remove it from the file, and revoke it if the file was anywhere else",
				details: { path, secret: name },
			}),
	);
}

function lineOf(text: string, form: RegExp): number {
	return text.slice(0, text.search(form)).split("\n").length;
}
