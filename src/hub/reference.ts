import { ClipSoupError } from "../errors.ts";

/** A model on the Hub, or a file or folder in it: `hf:org/name[@revision][:path]`. */
export interface HubReference {
	/** `org/name`. */
	readonly id: string;
	/** Branch, tag, `refs/pr/N` or commit; undefined is the default branch. */
	readonly revision: string | undefined;
	/** Path in the repository, without a slash at its end. */
	readonly path: string | undefined;
}

const SCHEME = "hf:";
/** The Hub's own rules for a namespace and for a name (huggingface_hub, `validate_repo_id`). */
const PART = /^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$/;
const FORBIDDEN = /--|\.\.|\.git$/;
const MOST_ID_CHARACTERS = 96;
/** What git allows nowhere in a ref, besides the colon, which ends it here. */
const BAD_REVISION = /[\s~^?*[\\\p{Cc}]|\.\.|@\{|\/\/|^\/|\/$|^$/u;

/** Whether what a user gave is meant for the Hub. */
export function isHubReference(text: string): boolean {
	return text.startsWith(SCHEME);
}

/** @throws {ClipSoupError} ERR_USAGE if it is malformed */
export function parseHubReference(text: string): HubReference {
	const [head = "", ...rest] = text.slice(SCHEME.length).split(":");
	const at = head.indexOf("@");
	const id = at < 0 ? head : head.slice(0, at);
	const revision = at < 0 ? undefined : head.slice(at + 1);
	const path = rest.length === 0 ? undefined : rest.join(":").replace(/\/$/, "");
	const parts = id.split("/");
	if (parts.length !== 2) throw malformed(text, `${parts.length} parts in "${id}"`, "org/name");
	if (!parts.every((part) => PART.test(part) && !FORBIDDEN.test(part)) || id.length > MOST_ID_CHARACTERS) {
		throw malformed(text, `"${id}"`, "a name that the Hub allows");
	}
	if (revision !== undefined && BAD_REVISION.test(revision)) {
		throw malformed(text, `the revision "${revision}"`, "a branch, a tag, refs/pr/N or a commit");
	}
	if (path?.split("/").some((part) => part === "" || part === "." || part === ".." || part.includes("\\"))) {
		throw malformed(text, `the path "${path}"`, "a path inside the repository");
	}
	return { id, revision, path };
}

/** A reference as it is written. */
export function formatHubReference({ id, revision, path }: HubReference): string {
	return `${SCHEME}${id}${revision === undefined ? "" : `@${revision}`}${path === undefined ? "" : `:${path}`}`;
}

function malformed(text: string, found: string, expected: string): ClipSoupError {
	return new ClipSoupError("ERR_USAGE", `Cannot use "${text}": found ${found}, expected ${expected}`, {
		fix: "write hf:org/name, hf:org/name@revision or hf:org/name@revision:file.safetensors",
		details: { reference: text },
	});
}
