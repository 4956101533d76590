import type { HubFile } from "../hub/repository.ts";
import { compareUtf8 } from "../tensor/names.ts";
import { CARD_NAME } from "./file-names.ts";
import type { OutgoingFile } from "./local-file.ts";
import type { PlannedFile } from "./plan.ts";

/** What becomes of each file, here and there, sorted by path. @param prune whether files that are there only are removed */
export function compareFiles(
	local: readonly OutgoingFile[],
	remote: readonly HubFile[],
	{ prune }: { readonly prune: boolean },
): PlannedFile[] {
	const there = new Map(remote.map((file) => [file.path, file]));
	const here = new Set(local.map(({ path }) => path));
	const ours = local.map((file) => plannedFile(file, there.get(file.path)));
	const theirs = remote
		.filter(({ path }) => !here.has(path))
		.map(
			({ path, byteLength }): PlannedFile => ({ path, action: prune && !isKept(path) ? "delete" : "keep", byteLength }),
		);
	return [...ours, ...theirs].sort((a, b) => compareUtf8(a.path, b.path));
}

/** Whether a file there has the bytes of one here. */
export function isSame(file: OutgoingFile, remote: HubFile): boolean {
	if (file.byteLength !== remote.byteLength) return false;
	return remote.sha256 === undefined ? remote.gitOid === file.gitOid : remote.sha256 === file.sha256;
}

function plannedFile(file: OutgoingFile, remote: HubFile | undefined): PlannedFile {
	const { path, byteLength, sha256 } = file;
	if (remote === undefined) return { path, action: "add", byteLength, sha256 };
	const previous = { byteLength: remote.byteLength, oid: remote.sha256 ?? remote.gitOid };
	return { path, action: isSame(file, remote) ? "same" : "replace", byteLength, sha256, previous };
}

/** Git's own files decide how the repository works, not what the model is; a card that none replaces was to stay. */
function isKept(path: string): boolean {
	return path === CARD_NAME || /(^|\/)\.git/.test(path);
}
