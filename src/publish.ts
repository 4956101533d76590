import { randomInt } from "node:crypto";
import { openSubject } from "./checks/subject.ts";
import { ClipSoupError } from "./errors.ts";
import { type ConnectOptions, connect, readingHub } from "./hub/connection.ts";
import { parseHubReference } from "./hub/reference.ts";
import { refuseHub } from "./hub/refuse.ts";
import type { Watch } from "./progress.ts";
import { type DocumentOutput, planDocument, writeDocument } from "./publishing/document.ts";
import { Journal } from "./publishing/journal.ts";
import { hasChanges, type PublishPlan } from "./publishing/plan.ts";
import { readPlan, refuseStale, withPlan } from "./publishing/plan-file.ts";
import { chooseFiles, type Prepared, type PrepareOptions, prepare } from "./publishing/prepare.ts";
import { earlierNotices, findEarlier } from "./publishing/pull-request.ts";
import { composeReceipt, type Receipt, receiptPath, writeReceipt } from "./publishing/receipt.ts";
import type { RemoteDepth } from "./publishing/remote-check.ts";
import { type OnHub, send } from "./publishing/send.ts";
import { refuseTakenTag, settle } from "./publishing/settle.ts";
import type { CheckResult } from "./verification.ts";

export interface PublishOptions extends PrepareOptions {
	/** `org/name`. */
	readonly repo: string;
	/** Send nothing; tell what would be done. Default false. */
	readonly dryRun?: boolean | undefined;
	/** A file to write the plan to; of what is there only a plan is replaced. */
	readonly planOut?: string | undefined;
	/** A file with a plan: it is carried out as it is or not at all. */
	readonly plan?: string | undefined;
	/** How much is read back; null reads nothing. Default 16 tensors. */
	readonly verifyRemote?: RemoteDepth | null | undefined;
	/** Chooses the tensors that are read back. Default: another one each time. */
	readonly seed?: number | undefined;
	/** Take no digest from an earlier run, and leave none for a later one. Default false. */
	readonly noResume?: boolean | undefined;
	/** Where the receipt goes. Default `<folder>.receipt.json` beside the folder. */
	readonly receipt?: string | undefined;
	/** Asked before anything is sent; nothing is if the answer is false. */
	readonly confirm?: ((plan: PublishPlan) => Promise<boolean>) | undefined;
	/** Told what is on the Hub by now, which is what an interruption leaves. */
	readonly onHub?: OnHub | undefined;
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
	refuseHub(folder, "publish", "publication sends the files of a folder");
	const id = parseRepository(options.repo);
	const planned = options.plan === undefined ? undefined : await readPlan(options.plan);
	const selection = await chooseFiles(folder, options);
	const outputs = await planOutputs(folder, options);
	await using subject = await openSubject(folder);
	const way = { ...options.hub, signal: watch.signal };
	const connection = await connect(id, way);
	const hub = readingHub(way);
	const journal = await Journal.open(folder, options.noResume !== true);
	const wishes = planned === undefined ? options : withPlan(options, planned);
	const prepared = await prepare({ folder, subject, connection, hub, journal }, selection, wishes, watch);
	const { plan, files } = prepared;
	if (options.plan !== undefined && planned !== undefined) refuseStale(options.plan, planned, plan);
	if (outputs.plan !== undefined) await writeDocument(outputs.plan, plan, watch.signal);
	const token = connection.token?.source;
	const earlier = await findEarlier(connection, plan);
	const own = earlier.commit ?? (hasChanges(plan) ? null : plan.head);
	if (plan.tag !== null && plan.head !== null) await refuseTakenTag(connection, plan.tag, own);
	const notices = [...prepared.notices, ...earlierNotices(earlier)];
	if (options.dryRun === true) return { ...describe(prepared), dryRun: true, token, receipt: undefined, notices };

	if (token === undefined) throw noToken(id);
	if (options.confirm !== undefined && !(await options.confirm(plan))) throw notConfirmed(id);
	const { onHub = () => {} } = options;
	await journal.begin();
	const sent = await send(connection, { plan, files, earlier, onHub }, watch);
	const { verifyRemote, seed = randomInt(2 ** 31) } = options;
	const depth = verifyRemote === null ? undefined : (verifyRemote ?? DEFAULT_DEPTH);
	const verified = await settle(connection, sent, { plan, files, subject, onHub }, { depth, seed }, watch);
	const { modelDigest } = prepared.preflight;
	const receipt = composeReceipt({ plan, sent, verified, modelDigest, startedAt });
	const complaints = await writeReceipt(outputs.receipt, receipt, watch);
	await journal.end();
	return { ...describe(prepared), dryRun: false, token, receipt, notices: [...notices, ...complaints] };
}

/** Where plan and receipt go. @throws {ClipSoupError} as `planDocument`, ERR_USAGE if they are one file */
async function planOutputs(
	folder: string,
	{ planOut, receipt: asked, card, lock, plan: planned, hub }: PublishOptions,
): Promise<{ readonly plan: DocumentOutput | undefined; readonly receipt: DocumentOutput }> {
	const files = [card, lock, planned, hub?.tokenFile].filter((path) => path !== undefined);
	const plan = planOut === undefined ? undefined : await planDocument("plan", planOut, { folder, files });
	const receipt = await planDocument("receipt", asked ?? receiptPath(folder), { folder, files });
	if (plan?.target.path !== receipt.target.path) return { plan, receipt };
	throw new ClipSoupError("ERR_USAGE", `Cannot write plan and receipt to "${planOut}": expected two names`);
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
