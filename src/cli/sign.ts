import type { Command } from "commander";
import type { SignResult } from "../sign.ts";
import { formatBytes, formatTable, plural, printable } from "./format.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ openssl ecparam -name prime256v1 -genkey -noout -out key.pem
  $ openssl ec -in key.pem -pubout -out key.pub.pem
  $ clip-soup sign soup/ --key key.pem
  $ clip-soup verify soup/ --signature soup/model.sig --key key.pub.pem
  $ model_signing verify key soup/ --signature soup/model.sig --public_key key.pub.pem`;

/** `clip-soup sign` */
export function addSign(program: Command): void {
	program
		.command("sign")
		.summary("sign a checkpoint's folder with a key of your own")
		.description(
			"Sign every file of a folder by OpenSSF Model Signing v1.0: a Sigstore bundle that names each file with its SHA-256. Git's own files and the signature are left out.",
		)
		.argument("<folder>", "the folder of a checkpoint")
		.requiredOption("--key <file>", "the private key: PEM, unencrypted, EC on P-256, P-384 or P-521")
		.option("-o, --output <file>", "NAME.sig (default: model.sig in the folder)")
		.option("--force", "replace a signature that exists")
		.option("--no-fsync", "do not wait for the disk")
		.option("--json", "one JSON document on stdout")
		.option("--quiet", "no progress, no summary")
		.addHelpText("after", EXAMPLES)
		.action(async (folder: string, raw: { readonly json?: boolean }) => {
			await runCommand(
				"sign",
				raw,
				(flags) => flags.signFlags,
				async ({ json: _, quiet, ...flags }, watch) => {
					const { sign } = await import("../sign.ts");
					const result = await sign(folder, flags, watch);
					return { result, text: quiet ? "" : render(result), notices: [] };
				},
			);
		});
}

function render({ output, files, byteLength, rootDigest, curve, keyHint }: SignResult): string {
	const rows = [
		["signature", printable(output)],
		["files", `${plural(files.length, "file")}, ${formatBytes(byteLength)}`],
		["digest", rootDigest],
		["key", `${curve}, ${keyHint}`],
	];
	return `${formatTable(rows)}\n`;
}
