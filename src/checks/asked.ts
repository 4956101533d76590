import { ClipSoupError } from "../errors.ts";
import { CHECKS, type CheckId, type CheckResult } from "../verification.ts";

/** Options of `verify` by which checks are asked for, and options that say more about these. */
export interface AskedOptions {
	readonly soupOf?: readonly string[] | undefined;
	readonly recover?: readonly string[] | undefined;
	readonly sameAs?: readonly string[] | undefined;
	readonly signature?: string | undefined;
	readonly key?: string | undefined;
	readonly forward?: boolean | undefined;
	readonly weights?: readonly number[] | undefined;
	readonly normalize?: boolean | undefined;
	readonly keep?: ReadonlyMap<string, number> | undefined;
	readonly recipe?: string | undefined;
	readonly ignoreUnsigned?: boolean | undefined;
}

/**
 * Refuses options that would be passed over: who gives them believes that something is checked.
 *
 * @throws {ClipSoupError} ERR_USAGE
 */
export function refuseStrayOptions(options: AskedOptions): void {
	const { soupOf, sameAs, signature, key, forward, weights, normalize, keep, recipe, ignoreUnsigned } = options;
	const isGiven = (option: unknown) => option !== undefined && option !== false;
	const rules: readonly (readonly [flag: string, isGiven: boolean, other: string, isThere: boolean])[] = [
		["--weights", isGiven(weights), "--soup-of", isGiven(soupOf)],
		["--no-normalize", normalize === false, "--soup-of", isGiven(soupOf)],
		["--keep", isGiven(keep), "--soup-of", isGiven(soupOf)],
		["--recipe", isGiven(recipe), "--soup-of", isGiven(soupOf)],
		["--signature", isGiven(signature), "--key", isGiven(key)],
		["--key", isGiven(key), "--signature", isGiven(signature)],
		["--ignore-unsigned", isGiven(ignoreUnsigned), "--signature", isGiven(signature)],
	];
	const stray = rules.find(([, isStray, , isThere]) => isStray && !isThere);
	if (stray !== undefined) {
		const [flag, , other] = stray;
		throw new ClipSoupError("ERR_USAGE", `Cannot use ${flag}: found no ${other}, expected both together`, {
			fix: `give ${other} too, or leave ${flag} out`,
		});
	}
	if (forward === false && isGiven(sameAs)) {
		throw new ClipSoupError("ERR_USAGE", "Cannot use --same-as with --no-forward: features are what it compares", {
			fix: "leave one of them out; --lock compares models in any layout without a forward pass",
		});
	}
}

/**
 * Refuses to pass where nothing was proved: a check that was asked for could not run, or none but that of the container.
 *
 * @throws {ClipSoupError} ERR_NOTHING_TO_CHECK, if no check failed
 */
export function requireAnswers(path: string, results: readonly CheckResult[], options: AskedOptions): void {
	if (results.some(({ status }) => status === "failed")) return;
	const asked: ReadonlySet<CheckId> = new Set([
		...((options.soupOf ?? options.recover) === undefined ? [] : (["CS008"] as const)),
		...(options.sameAs === undefined ? [] : (["CS010"] as const)),
	]);
	const skipped = results.filter(({ status }) => status === "skipped");
	const unanswered = skipped.filter(({ check }) => asked.has(check));
	const isProved = results.some(({ check, status }) => status === "passed" && check !== "CS001");
	if (unanswered.length === 0 && isProved) return;
	const [first] = [...unanswered, ...skipped];
	const reason =
		first === undefined ? "there is no check" : `${first.check} ${CHECKS[first.check].name}: ${first.detail}`;
	throw new ClipSoupError("ERR_NOTHING_TO_CHECK", `Cannot verify "${path}": found no answer to ${reason}`, {
		fix: "give what the check lacks",
		details: { skipped: skipped.map(({ check, detail }) => ({ check, detail })) },
	});
}
