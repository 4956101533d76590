interface PathRule {
	readonly found: string;
	readonly matches: (path: string) => boolean;
}

const LAST_CONTROL_CHARACTER = 0x1f;

/** What a shard's name must not be; a colon covers drive letters, URLs and NTFS streams alike. */
const RULES: readonly PathRule[] = [
	{ found: "a control character", matches: (path) => [...path].some((c) => c.charCodeAt(0) <= LAST_CONTROL_CHARACTER) },
	{ found: "a backslash", matches: (path) => path.includes("\\") },
	{ found: "a colon, as in a drive or a URL", matches: (path) => path.includes(":") },
	{ found: "an absolute path", matches: (path) => path.startsWith("/") },
	{ found: "a step out of the folder", matches: (path) => path.split("/").includes("..") },
	{ found: "an empty or dot step", matches: (path) => path.split("/").some((step) => step === "" || step === ".") },
	{ found: "another extension", matches: (path) => !path.endsWith(".safetensors") },
];

/**
 * Why a shard's path could lead out of the folder of its index or to another kind of file, on any system; undefined if not.
 *
 * @see huggingface_hub, HackerOne report 141
 */
export function unsafePathReason(path: string): string | undefined {
	return RULES.find(({ matches }) => matches(path))?.found;
}
