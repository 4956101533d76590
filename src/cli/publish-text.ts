import type { PublishResult } from "../publish.ts";
import type { PlannedFile, PublishPlan } from "../publishing/plan.ts";
import type { Receipt } from "../publishing/receipt.ts";
import { formatBytes, formatTable, plural, printable } from "./format.ts";

/** What `publish` prints: the plan, and what came of it. */
export function renderPublish(result: PublishResult): string {
	const { plan, token, account, checks, leftOut, receipt } = result;
	const passed = checks.filter(({ status }) => status === "passed").map(({ check }) => check);
	const rows = [
		["token", token === undefined ? "none: publishing needs one" : [token, account ?? []].flat().join(": ")],
		["preflight", `${passed.join(", ")} passed; no secret, no pickle; licence ${printable(plan.license)}`],
		...(leftOut.length === 0 ? [] : [["left out", leftOut.map(printable).join(", ")]]),
	];
	const end = receipt === undefined ? dryRunLines(plan) : receiptLines(receipt);
	return `${renderPlan(plan)}\n${formatTable(rows)}\n\n${end}\n`;
}

/** What an interrupted run tells. @param onHub what the Hub holds of it, as far as that is known */
export function renderLeft(onHub: readonly string[]): string {
	const left = onHub.length === 0 ? "nothing was committed" : `the Hub has ${onHub.map(printable).join(", ")}`;
	return `${left}; run it again to go on from there`;
}

/** The plan as a table. */
export function renderPlan(plan: PublishPlan): string {
	const { repo, head, visibility, files, tag } = plan;
	const state = head === null ? "does not exist yet" : `at ${head.slice(0, 7)}`;
	const rows = [
		["repository", `${repo}, ${visibility}, ${state}`],
		["target", `${describeTarget(plan)}${tag === null ? "" : `, then tag ${tag}`}`],
	];
	return `${formatTable(rows)}\n\n${formatTable(files.map(fileRow), [2])}\n`;
}

function describeTarget({ target }: PublishPlan): string {
	if (target.kind === "pull-request") return "a new pull request";
	return `branch ${target.name}${target.isNew ? ", which is made" : ""}`;
}

function fileRow({ action, path, byteLength, sha256, previous }: PlannedFile): string[] {
	const before = previous === undefined ? "" : `${previous.oid.slice(0, 8)} → `;
	const digest = sha256 === undefined ? "" : `sha256 ${action === "replace" ? before : ""}${sha256.slice(0, 8)}`;
	return [action, printable(path), formatBytes(byteLength), digest];
}

function dryRunLines({ files, target }: PublishPlan): string {
	const sent = files.filter(({ action }) => action === "add" || action === "replace");
	const bytes = sent.reduce((sum, { byteLength }) => sum + byteLength, 0);
	const removed = files.filter(({ action }) => action === "delete").length;
	const away = removed === 0 ? "" : `, remove ${plural(removed, "file")}`;
	const nothing = target.kind === "branch" && target.isNew ? `would make the branch ${target.name}: e` : "e";
	const what =
		sent.length + removed === 0
			? `${nothing}verything is there already`
			: `would ${target.kind === "pull-request" ? "open a pull request" : "commit"}: send ${plural(sent.length, "file")}, ${formatBytes(bytes)}${away}`;
	return `${what}\ndry run: nothing was sent`;
}

function receiptLines({ commit, url, pullRequest, tag, verified, branch }: Receipt): string {
	const read =
		verified === null
			? "not read back"
			: `${verified.depth}: ${plural(verified.files, "file")} listed alike, ${formatBytes(verified.byteLength)} read back, seed ${verified.seed}`;
	const rows = [
		["commit", `${commit}${branch === null ? " (everything was there already)" : ` on ${branch}`}`],
		["verified", read],
		...(tag === null ? [] : [["tag", tag]]),
		["look", pullRequest?.url ?? url],
	];
	return formatTable(rows);
}
