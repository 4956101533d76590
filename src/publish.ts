import { randomInt } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { openSubject } from "./checks/subject.ts";
import { ClipSoupError } from "./errors.ts";
import { type ConnectOptions, connect, readingHub } from "./hub/connection.ts";
import { parseHubReference } from "./hub/reference.ts";
import type { Watch } from "./progress.ts";
import { Journal } from "./publishing/journal.ts";
import { hasChanges, type PublishPlan } from "./publishing/plan.ts";
import { readPlan, refuseStale, writeDocument } from "./publishing/plan-file.ts";
import { chooseFiles, type Prepared, type PrepareOptions, prepare } from "./publishing/prepare.ts";
import { composeReceipt, RECEIPT_NAME, type Receipt, writeReceipt } from "./publishing/receipt.ts";
import type { RemoteDepth } from "./publishing/remote-check.ts";
import { send } from "./publishing/send.ts";
import { refuseTakenTag, settle } from "./publishing/settle.ts";
import type { CheckResult } from "./verification.ts";

export interface PublishOptions extends PrepareOptions {
	/** `org/name`. */
	readonly repo: string;
	/** Send nothing; tell what would be done. Default false. */
	readonly dryRun?: boolean | undefined;
	/** A file to write the plan to. */
	readonly planOut?: string | undefined;
	/** A file with a plan: it is carried out as it is or not at all. */
	readonly plan?: string | undefined;
	/** How much is read back; null reads nothing. Default 16 tensors. */
	readonly verifyRemote?: RemoteDepth | null | undefined;
	/** Chooses the tensors that are read back. Default: another one each time. */
	readonly seed?: number | undefined;
	/** Start anew, and leave nothing for a later run. Default false. */
	readonly noResume?: boolean | undefined;
	/** Where the receipt goes. Default `clip-soup.receipt.json` beside the folder. */
	readonly receipt?: string | undefined;
	/** Asked before anything is sent; nothing is if the answer is false. */
	readonly confirm?: ((plan: PublishPlan) => Promise<boolean>) | undefined;
	/** The way to the Hub: token, endpoint, retries. */
	readonly hub?: Omit<ConnectOptions, "signal"> | undefined;
}

/** What was done, or would be. */
export interface PublishResult {
	readonly dryRun: boolean;
	readonly plan: PublishPlan;
	/** Where the token comes from; undefined without one. */
	readonly token: string | undefined;
	/** Whose it is, as far as the Hub says. */
	readonly account: string | undefined;
	readonly checks: readonly CheckResult[];
	/** Paths in the folder that are not published. */
	readonly leftOut: readonly string[];
	readonly receipt: Receipt | undefined;
	readonly notices: readonly string[];
}

const DEFAULT_DEPTH: RemoteDepth = { kind: "sample", count: 16 };

/**
 * Publishes a model to the Hub: plan, checks, upload, one commit, a look at what others will get, tag, receipt.
 *
 * An existing repository gets a pull request unless a branch is named; a new one is private unless `public`. Run again
 * after an interruption, it sends only what is missing and commits nothing twice.
 * @throws {ClipSoupError} with a stable `code`: nothing is committed unless it is ERR_COMMITTED_UNVERIFIED; the signal's
 *   reason when aborted
 * @example
 * const { plan } = await publish("soup/", { repo: "org/soup", license: "mit", dryRun: true });
 */
export async function publish(folder: string, options: PublishOptions, watch: Watch = {}): Promise<PublishResult> {
	const startedAt = new Date();
	const id = parseRepository(options.repo);
	const planned = options.plan === undefined ? undefined : await readPlan(options.plan);
	const selection = await chooseFiles(folder, options);
	await using subject = await openSubject(folder);
	const way = { ...options.hub, signal: watch.signal };
	const connection = await connect(id, way);
	const hub = readingHub(way);
	const journal = await Journal.open(folder, options.noResume !== true);
	const prepared = await prepare({ folder, subject, connection, hub, journal }, selection, options, watch);
	const { plan, files, notices } = prepared;
	if (options.plan !== undefined && planned !== undefined) refuseStale(options.plan, planned, plan);
	if (options.planOut !== undefined) await writeDocument(options.planOut, plan, watch.signal);
	const token = connection.token?.source;
	const state = await journal.stateOf(plan.id);
	const own = state.commit ?? (hasChanges(plan) ? null : plan.head);
	if (plan.tag !== null && plan.head !== null) await refuseTakenTag(connection, plan.tag, own);
	if (options.dryRun === true) return { ...describe(prepared), dryRun: true, token, receipt: undefined, notices };

	if (token === undefined) throw noToken(id);
	if (options.confirm !== undefined && !(await options.confirm(plan))) throw notConfirmed(id);
	const sent = await send(connection, { plan, files, state }, journal, watch);
	const { verifyRemote, seed = randomInt(2 ** 31) } = options;
	const depth = verifyRemote === null ? undefined : (verifyRemote ?? DEFAULT_DEPTH);
	const verified = await settle(connection, sent, { plan, files, subject }, { depth, seed }, watch);
	const { modelDigest } = prepared.preflight;
	const receipt = composeReceipt({ plan, sent, verified, modelDigest, startedAt });
	const path = options.receipt ?? join(dirname(resolve(folder)), RECEIPT_NAME);
	const complaints = await writeReceipt(path, receipt, watch);
	await journal.end();
	return { ...describe(prepared), dryRun: false, token, receipt, notices: [...notices, ...complaints] };
}

function describe({ plan, account, preflight, leftOut }: Prepared) {
	return { plan, account, checks: preflight.checks, leftOut };
}

function parseRepository(repo: string): string {
	const { id, revision, path } = parseHubReference(repo.startsWith("hf:") ? repo : `hf:${repo}`);
	if (revision === undefined && path === undefined) return id;
	throw new ClipSoupError("ERR_USAGE", `Cannot publish to "${repo}": expected org/name, without revision and path`, {
		fix: "name a branch with --branch",
	});
}

function noToken(id: string): ClipSoupError {
	return new ClipSoupError("ERR_HUB_AUTH", `Cannot publish to "hf:${id}": found no token`, {
		fix: "set HF_TOKEN to a token with write permission, log in with `hf auth login`, or give --token-file",
	});
}

function notConfirmed(id: string): ClipSoupError {
	return new ClipSoupError("ERR_NOT_CONFIRMED", `Cannot publish to "hf:${id}": the plan was not confirmed`, {
		fix: "nothing was sent; run again and answer y, or add --yes",
	});
}
