import { join } from "node:path";
import { readSmallFile } from "../bytes/small-file.ts";
import { readLock } from "../checks/lock-file.ts";
import type { Subject } from "../checks/subject.ts";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { type Account, readAccount } from "../hub/account.ts";
import type { Connection } from "../hub/connection.ts";
import { checkFrontMatter } from "../hub/front-matter.ts";
import type { Hub } from "../hub/hub.ts";
import type { Lock } from "../lock/schema.ts";
import type { Watch } from "../progress.ts";
import { VERSION } from "../version.ts";
import { type CardChoice, type ChosenCard, chooseCard } from "./card.ts";
import { compareFiles } from "./compare.ts";
import { type Selection, type SelectOptions, selectFiles } from "./file-list.ts";
import { CARD_NAME, LOCK_NAME, SIGNATURE_NAME } from "./file-names.ts";
import type { Journal } from "./journal.ts";
import { type OutgoingFile, outgoingBytes, outgoingFile, stampOf } from "./local-file.ts";
import { identifyPlan, type PublishPlan } from "./plan.ts";
import { type Preflight, preflight } from "./preflight.ts";
import { type Remote, type RemoteWish, readRemote } from "./remote.ts";
import { secretFaults } from "./secrets.ts";

export interface PrepareOptions extends SelectOptions, RemoteWish, CardChoice {
	/** Remove what is on the Hub only. Default false. */
	readonly prune?: boolean | undefined;
	/** A lock file in place of the folder's. */
	readonly lock?: string | undefined;
	/** A name for the commit, given once it is verified. */
	readonly tag?: string | undefined;
	/** Do without a lock. Default false. */
	readonly noLock?: boolean | undefined;
}

/** Everything that is known before anything is sent. */
export interface Prepared {
	readonly plan: PublishPlan;
	/** Files that the repository will have of us, whether they are sent or there already. */
	readonly files: readonly OutgoingFile[];
	readonly preflight: Preflight;
	/** Whose token it is, if the Hub says so. */
	readonly account: string | undefined;
	readonly leftOut: readonly string[];
	readonly notices: readonly string[];
}

/** Where things are while a plan is made. */
export interface Workplace {
	readonly folder: string;
	readonly subject: Subject;
	readonly connection: Connection;
	/** Where other repositories are read. */
	readonly hub: Hub;
	readonly journal: Journal;
}

/** Refuses by name and by text, which costs least. @throws {ClipSoupError} as `selectFiles`, ERR_SECRET */
export async function chooseFiles(folder: string, options: PrepareOptions): Promise<Selection> {
	const selection = await selectFiles(folder, options);
	const texts = selection.paths.filter((path) => !isBinary(path)).map((path) => ({ path, file: join(folder, path) }));
	const locks = options.lock === undefined ? [] : [{ path: options.lock, file: options.lock }];
	const faults: ClipSoupError[] = [];
	for (const { path, file } of [...texts, ...locks]) {
		const bytes = await readSmallFile(file);
		if (bytes !== undefined) faults.push(...secretFaults(path, bytes.toString("latin1")));
	}
	throwFaults(`Cannot publish "${folder}"`, faults);
	return selection;
}

/**
 * Looks at everything that can be looked at before something is sent, cheapest first.
 *
 * @throws {ClipSoupError} a refusal of what is to be published, or of the Hub
 */
export async function prepare(
	place: Workplace,
	selection: Selection,
	options: PrepareOptions,
	watch: Watch,
): Promise<Prepared> {
	const { folder, subject, connection, hub, journal } = place;
	const lock = await chooseLock(folder, selection, hub, options);
	const account = await readAccount(connection);
	const remote = await readRemote(connection, options);
	const card = await makeCard(place, selection, { remote, lock }, options);
	const made = [
		...(card.bytes === undefined ? [] : [outgoingBytes(CARD_NAME, card.bytes)]),
		...(options.lock === undefined ? [] : [await outgoingFile(LOCK_NAME, options.lock)]),
	];
	// A lock that nothing was compared with says nothing of these weights.
	const unproved = options.noLock === true ? selection.paths.filter((path) => path === LOCK_NAME) : [];
	const apart = [CARD_NAME, ...unproved, ...made.map(({ path }) => path)];
	const paths = selection.paths.filter((path) => !apart.includes(path));
	const files = [...(await digestAll(folder, paths, journal, watch)), ...made];
	const checked = await preflight(subject, { files, lock }, watch);
	const plan = identifyPlan({
		planVersion: 1,
		generator: { name: "clip-soup", version: VERSION },
		endpoint: connection.endpoint,
		repo: connection.id,
		visibility: remote.visibility,
		head: remote.head ?? null,
		target: remote.target,
		tag: options.tag ?? null,
		license: card.license,
		files: compareFiles(files, remote.files, { prune: options.prune === true }),
	});
	const notices = [
		...connection.notices,
		...accountNotices(account),
		...card.notices,
		...checked.notices,
		...visibilityNotices(remote),
	];
	const more = [...(await signatureNotices(folder, files)), ...lockNotices(plan)];
	return {
		plan,
		files,
		preflight: checked,
		account: account && [account.name, account.role ?? []].flat().join(", "),
		leftOut: [...selection.leftOut, ...unproved].sort(),
		notices: [...notices, ...more],
	};
}

async function makeCard(
	{ folder, connection, hub }: Workplace,
	{ paths }: Selection,
	{ remote, lock }: { readonly remote: Remote; readonly lock: Lock | undefined },
	options: PrepareOptions,
): Promise<ChosenCard> {
	const here = paths.includes(CARD_NAME) ? await readSmallFile(join(folder, CARD_NAME)) : undefined;
	const card = await chooseCard(
		{ path: folder, card: here },
		{ id: connection.id, card: remote.card },
		options,
		// The lock is compared with every byte before anything is sent.
		{ hub, lock: lock ?? null },
	);
	if (card.bytes !== undefined) {
		const text = card.bytes.toString("utf8");
		throwFaults(`Cannot publish "${folder}"`, secretFaults(CARD_NAME, text));
		await checkFrontMatter(connection, text);
	}
	return card;
}

/** Files whose text is not looked through for secrets: weights and what the user included or allowed. */
function isBinary(path: string): boolean {
	return /\.(safetensors|onnx|bin|pt|pth|ckpt|pkl|pickle|model)$/i.test(path);
}

async function chooseLock(
	folder: string,
	{ paths }: Selection,
	hub: Hub,
	{ lock, noLock = false }: PrepareOptions,
): Promise<Lock | undefined> {
	if (noLock) return undefined;
	if (lock !== undefined) return readLock(lock, hub);
	if (paths.includes(LOCK_NAME)) return readLock(join(folder, LOCK_NAME), hub);
	throw new ClipSoupError("ERR_LOCK_MISMATCH", `Cannot publish "${folder}": found no ${LOCK_NAME} in it`, {
		fix: `make one: clip-soup verify ${folder} --write-lock ${join(folder, LOCK_NAME)}; or add --no-lock`,
		details: { path: folder },
	});
}

async function digestAll(
	folder: string,
	paths: readonly string[],
	journal: Journal,
	watch: Watch,
): Promise<OutgoingFile[]> {
	const files: OutgoingFile[] = [];
	for (const path of paths) {
		watch.signal?.throwIfAborted();
		const source = join(folder, path);
		const stamp = await stampOf(source);
		const file = await outgoingFile(path, source, { known: await journal.digestOf(source), signal: watch.signal });
		journal.addDigest(source, stamp, file.sha256);
		files.push(file);
	}
	return files;
}

/** The Hub's word on a token is advice: what it may do shows when it does it. */
function accountNotices(account: Account | undefined): string[] {
	return account?.role === "read" ? ["the token may only read: publishing needs one that may write"] : [];
}

function visibilityNotices({ visibility, head }: Remote): string[] {
	const what = head === undefined ? "will be" : "is";
	return visibility === "public" ? [`the repository ${what} public: everyone can see what is published`] : [];
}

/** Without a lock of these weights, one that is there already was compared with nothing. */
function lockNotices({ files }: PublishPlan): string[] {
	const isKept = files.some(({ path, action }) => path === LOCK_NAME && action === "keep");
	return isKept ? [`${LOCK_NAME} on the Hub stays as it is, and may be of other weights: --prune removes it`] : [];
}

/** A signature names the card with its digest, and the card has just been made. */
async function signatureNotices(folder: string, files: readonly OutgoingFile[]): Promise<string[]> {
	const card = files.find(({ path }) => path === CARD_NAME);
	if (card === undefined || !files.some(({ path }) => path === SIGNATURE_NAME)) return [];
	const here = await readSmallFile(join(folder, CARD_NAME));
	const isSigned = here !== undefined && outgoingBytes(CARD_NAME, here).sha256 === card.sha256;
	return isSigned ? [] : [`${SIGNATURE_NAME} was made without this ${CARD_NAME}: checking it needs --ignore-unsigned`];
}
