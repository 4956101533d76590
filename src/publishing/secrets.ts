import { ClipSoupError } from "../errors.ts";

/** Forms of secrets that are found in files by accident. */
const SECRETS: readonly { readonly name: string; readonly form: RegExp }[] = [
	{ name: "a token of the Hub", form: /\bhf_(?:jwt_[\w.-]{20,}|[A-Za-z0-9]{30,})/ },
	{ name: "a key of AWS", form: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/ },
	{ name: "a token of GitHub", form: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})/ },
	{ name: "a private key", form: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/ },
];

/** A fault for each form of secret in a text; its message does not hold the secret. */
export function secretFaults(path: string, text: string): ClipSoupError[] {
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
