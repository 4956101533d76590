import { basename, dirname, join, resolve } from "node:path";
import { isClipSoupError } from "../errors.ts";
import type { Watch } from "../progress.ts";
import { VERSION } from "../version.ts";
import { type DocumentOutput, writeDocument } from "./document.ts";
import type { PlannedFile, PublishPlan } from "./plan.ts";
import type { RemoteCheck } from "./remote-check.ts";
import type { Sent } from "./send.ts";

/** Where the receipt of a folder goes: beside it and by its name, so that folders side by side keep theirs. */
export function receiptPath(folder: string): string {
	const path = resolve(folder);
	return join(dirname(path), `${basename(path)}.receipt.json`);
}

/** What was published and how far that was checked. It holds no token and no URL that lets anyone in. */
export interface Receipt {
	readonly receiptVersion: 1;
	readonly generator: { readonly name: string; readonly version: string };
	readonly endpoint: string;
	readonly repo: string;
	readonly visibility: "private" | "public";
	/** 40 hex digits. */
	readonly commit: string;
	readonly url: string;
	/** Null if everything was there already. */
	readonly branch: string | null;
	readonly pullRequest: { readonly number: number; readonly url: string } | null;
	readonly tag: string | null;
	readonly license: string;
	/** Id of the plan. */
	readonly plan: string;
	/** `sha256:` and hex, over the tensors; null where no lock was compared. */
	readonly modelDigest: string | null;
	readonly files: readonly PlannedFile[];
	/** Null if nothing was read back. */
	readonly verified: Omit<RemoteCheck, "findings"> | null;
	/** ISO 8601, UTC. */
	readonly startedAt: string;
	readonly finishedAt: string;
}

export interface ReceiptParts {
	readonly plan: PublishPlan;
	readonly sent: Sent;
	readonly verified: RemoteCheck | undefined;
	readonly modelDigest: string | undefined;
	readonly startedAt: Date;
}

export function composeReceipt({ plan, sent, verified, modelDigest, startedAt }: ReceiptParts): Receipt {
	const { endpoint, repo, visibility, tag, license, id, files } = plan;
	const { commit, branch, pullRequest } = sent;
	return {
		receiptVersion: 1,
		generator: { name: "clip-soup", version: VERSION },
		endpoint,
		repo,
		visibility,
		commit,
		url: `${endpoint}/${repo}/commit/${commit}`,
		branch: branch ?? null,
		pullRequest: pullRequest === undefined ? null : { number: pullRequest.number, url: pullRequest.url },
		tag,
		license,
		plan: id,
		modelDigest: modelDigest ?? null,
		files,
		verified: verified === undefined ? null : withoutFindings(verified),
		startedAt: startedAt.toISOString(),
		finishedAt: new Date().toISOString(),
	};
}

/** Writes the receipt; what keeps it from being written is told, since all that mattered is done. */
export async function writeReceipt(
	output: DocumentOutput,
	receipt: Receipt,
	{ signal }: Watch,
): Promise<readonly string[]> {
	try {
		await writeDocument(output, receipt, signal);
		return [];
	} catch (error) {
		if (!isClipSoupError(error)) throw error;
		return [`no receipt is written: ${error.message}`];
	}
}

function withoutFindings({ findings: _, ...rest }: RemoteCheck): Omit<RemoteCheck, "findings"> {
	return rest;
}
