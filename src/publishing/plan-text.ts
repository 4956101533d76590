import { createHash } from "node:crypto";
import type { CommitText } from "../hub/upload.ts";
import type { PublishPlan } from "./plan.ts";

/**
 * Title and description of commit and pull request. The title tells them from all others: plans that make the same change
 * to the same commit, whatever tag they give it, share it.
 */
export function textOf({ repo, head, files, license }: PublishPlan): CommitText {
	const changed = files.filter(({ action }) => action !== "same" && action !== "keep");
	const change = createHash("sha256")
		.update(JSON.stringify([head, changed]))
		.digest("hex");
	const lines = changed.map(({ path, action, sha256 }) => `- ${action} ${path}${sha256 ? ` (sha256 ${sha256})` : ""}`);
	return {
		title: `Publish ${repo.split("/")[1]} with clip-soup (change ${change.slice(0, 12)})`,
		description: [`Licence: ${license}`, ...lines].join("\n"),
	};
}
