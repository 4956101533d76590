import { isDeepStrictEqual } from "node:util";
import { readSmallFile } from "../bytes/small-file.ts";
import { ClipSoupError } from "../errors.ts";
import { firstIssue } from "../schema-issue.ts";
import { identifyPlan, type PublishPlan, planSchema, removedBy } from "./plan.ts";
import type { RemoteWish } from "./remote.ts";

/** @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_PLAN_INVALID */
export async function readPlan(path: string): Promise<PublishPlan> {
	const bytes = await readSmallFile(path);
	if (bytes === undefined) {
		throw new ClipSoupError("ERR_INPUT_NOT_FOUND", `Cannot open the plan "${path}": found no such file`, {
			fix: "make one with publish --dry-run --plan-out",
			details: { path },
		});
	}
	const { data: plan, error } = planSchema.safeParse(parseJson(bytes.toString("utf8")));
	if (plan === undefined) {
		const { field, expected } = firstIssue(error);
		throw invalid(path, `something else at ${field}`, expected);
	}
	const { id, ...rest } = plan;
	if (identifyPlan(rest).id !== id)
		throw invalid(path, "an id that is not that of its content", "a plan as it was written");
	return plan;
}

/**
 * Options with what a plan says of repository and licence where they say nothing. What they say stays, and makes the plan a
 * stale one if it is something else.
 */
export function withPlan<Options extends PlannedOptions>(
	options: Options,
	plan: PublishPlan,
): Options & PlannedOptions {
	const { target, head, visibility, license, tag } = plan;
	const isAsked = [options.pr, options.push, options.branch].some((wish) => wish !== undefined && wish !== false);
	const isNew = head === null;
	return {
		...options,
		license: options.license ?? license,
		tag: options.tag ?? tag ?? undefined,
		create: options.create === true || isNew,
		public: options.public === true || (isNew && options.private !== true && visibility === "public"),
		prune: options.prune === true || removedBy(plan).length > 0,
		...(!isAsked && (target.kind === "branch" ? { branch: target.name } : { pr: true })),
	};
}

/** Options that a plan answers. */
export interface PlannedOptions extends RemoteWish {
	readonly license?: string | undefined;
	readonly tag?: string | undefined;
	readonly prune?: boolean | undefined;
}

/**
 * Makes sure that what would be done now is what was planned.
 *
 * @throws {ClipSoupError} ERR_PLAN_STALE with all that moved
 */
export function refuseStale(path: string, planned: PublishPlan, current: PublishPlan): void {
	if (planned.id === current.id) return;
	const moved = differences(planned, current);
	const shown = moved.slice(0, MOST_SHOWN).join("; ") + (moved.length > MOST_SHOWN ? " …" : "");
	throw new ClipSoupError("ERR_PLAN_STALE", `Cannot carry out the plan "${path}": found ${shown}`, {
		fix: "look at what changed, and plan again with --dry-run --plan-out",
		details: { plan: path, moved },
	});
}

const MOST_SHOWN = 5;

function differences(planned: PublishPlan, current: PublishPlan): string[] {
	const { files: before, id: _, ...oldFacts } = planned;
	const { files: after, id: __, ...newFacts } = current;
	const was = new Map<string, unknown>(Object.entries(oldFacts));
	const facts = Object.entries(newFacts)
		.filter(([name, value]) => !isDeepStrictEqual(was.get(name), value))
		.map(([name, value]) => `${name} ${JSON.stringify(value)}, planned ${JSON.stringify(was.get(name))}`);
	const old = new Map(before.map((file) => [file.path, file]));
	const now = new Map(after.map((file) => [file.path, file]));
	const files = [...new Set([...old.keys(), ...now.keys()])].filter(
		(name) => !isDeepStrictEqual(old.get(name), now.get(name)),
	);
	return [...facts, ...files.map((name) => `another "${name}"`)];
}

function invalid(path: string, found: string, expected: string): ClipSoupError {
	const message = `Cannot use the plan "${path}": found ${found}, expected ${expected}`;
	return new ClipSoupError("ERR_PLAN_INVALID", message, {
		fix: "make one with publish --dry-run --plan-out",
		details: { path },
	});
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
