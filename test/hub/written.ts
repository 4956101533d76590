import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../cli/read-safetensors.ts";

/** The files of a folder as they would be without the commits of their inputs: headers as JSON, all else as digests. */
export function filesWithoutOrigins(folder: string): Record<string, unknown> {
	const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
	return Object.fromEntries(names.map((name) => [name, contentOf(name, readFileSync(join(folder, name)))]));
}

function contentOf(name: string, bytes: Buffer): unknown {
	if (name === "soup.json") return withoutOrigins(JSON.parse(bytes.toString("utf8")));
	if (!name.endsWith(".safetensors")) return sha256(bytes);
	const end = 8 + Number(bytes.readBigUInt64LE());
	const header = JSON.parse(bytes.subarray(8, end).toString("utf8"));
	const recipe = withoutOrigins(JSON.parse(header.__metadata__.clip_soup));
	return { ...header, __metadata__: { ...header.__metadata__, clip_soup: recipe }, data: sha256(bytes.subarray(end)) };
}

/** The digest of a weight file is told by `contentOf`, less its recipe. */
function withoutOrigins({ inputs, fileDigests, ...rest }: Recorded): unknown {
	return {
		...rest,
		inputs: inputs.map((input) => ({ ...input, repo: undefined, revision: undefined })),
		fileDigests: fileDigests?.inputs,
	};
}

interface Recorded {
	readonly inputs: readonly object[];
	readonly fileDigests?: { readonly inputs: unknown };
}
