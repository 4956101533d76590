import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerFailure } from "../../src/checks/container.ts";
import { ClipSoupError } from "../../src/errors.ts";
import { CHECKS, type CheckResult, type Finding } from "../../src/verification.ts";
import { type VerifyOptions, verify } from "../../src/verify.ts";
import type { Fault } from "./fault.ts";
import { CHAPTERS } from "./faults.ts";
import { buildStage, type LockedId, type ModelId, type Stage } from "./stage.ts";
import { type Caught, PAGE, pageWith, tableIn, tableOf } from "./table.ts";

const FAULTS = CHAPTERS.flatMap(({ title, faults }) => faults.map((fault) => ({ title, ...fault })));

/** Checks that run of a model with a lock and another model, in their order. */
const CHECKS_OF_LOCK = ["CS001", "CS012", "CS003", "CS004", "CS006", "CS002", "CS005", "CS007", "CS011", "CS010"];

let stage: Stage;

beforeAll(async () => {
	stage = await buildStage(await mkdtemp(join(tmpdir(), "clip-soup-test-")));
}, 60_000);

afterAll(() => rm(stage.root, { recursive: true, force: true }));

/** What a run came to. */
interface Outcome {
	readonly results: readonly CheckResult[];
	readonly error: ClipSoupError | undefined;
}

async function outcomeOf(path: string, options: VerifyOptions): Promise<Outcome> {
	try {
		return { results: (await verify(path, { threads: 1, ...options })).checks, error: undefined };
	} catch (error) {
		if (error instanceof ClipSoupError) return { results: containerFailure(error, path), error };
		throw error;
	}
}

const controls = new Map<string, Promise<Outcome>>();

/** The same run without the fault, which many faults share. */
async function controlOf({ model, told }: Fault): Promise<Outcome> {
	const path = stage.modelPath(model);
	const options = await told(stage, path);
	const key = JSON.stringify([path, options]);
	const known = controls.get(key) ?? outcomeOf(path, options);
	controls.set(key, known);
	return known;
}

/** A run with the fault. */
async function faultyRun({ model, told, plant, toldInstead }: Fault): Promise<Outcome> {
	const copy = join(await mkdtemp(join(stage.root, "fault-")), model);
	await cp(stage.modelPath(model), copy, { recursive: true });
	await plant?.(copy, stage);
	return outcomeOf(copy, { ...(await told(stage, copy)), ...(await toldInstead?.(stage, copy)) });
}

function failedChecks({ results }: Outcome): string[] {
	return results.filter(({ status }) => status === "failed").map(({ check }) => check);
}

/** The finding that names the fault. */
function findingOf(
	{ results }: Outcome,
	{ check, level = "error", says, tensor, elements }: Fault,
): Finding | undefined {
	const findings = results.filter((result) => result.check === check).flatMap((result) => result.findings);
	return findings.find(
		(finding) =>
			finding.level === level &&
			[finding.message, finding.cause ?? ""].some((text) => text.includes(says)) &&
			(tensor === undefined || finding.tensor === tensor) &&
			(elements === undefined || finding.elements?.join() === elements.join()),
	);
}

/** Models that nothing is wrong with, and the one in whose OpenCLIP form they were locked. */
const SOUND: readonly (readonly [model: ModelId, system: LockedId])[] = [
	["vit", "vit"],
	["vit-hf", "vit"],
	["vit-timm", "vit"],
	["vit-shards", "vit"],
	["quick", "quick"],
	["quick-hf", "quick"],
	["quick-timm", "quick"],
	["augreg", "augreg"],
	["augreg-hf", "augreg"],
	["augreg-dual", "augreg"],
	["augreg-timm", "augreg"],
];

describe("verify finds nothing wrong", () => {
	it.each(SOUND)("with %s, by the lock of %s and compared with it", async (model, system) => {
		const options = { lock: stage.lockPath(system), sameAs: [stage.modelPath(system)] };
		const { results, error } = await outcomeOf(stage.modelPath(model), options);
		expect(error).toBeUndefined();
		expect(results.filter(({ status }) => status === "passed").map(({ check }) => check)).toEqual(
			CHECKS_OF_LOCK.filter((check) => check !== "CS002" || model === system),
		);
		expect(results.filter(({ status }) => status === "failed")).toEqual([]);
		const isTimm = model.endsWith("timm");
		expect(results.flatMap(({ findings }) => findings.map(({ message }) => message))).toEqual(
			isTimm ? [expect.stringMatching(/^There is no text tower: \d+ of the lock's tensors are not compared$/)] : [],
		);
	});

	it("with a soup by its recipe, weighted or not, in float32 or F16", async () => {
		const ingredients = ["augreg", "rewind", "drift"] as const;
		for (const [soup, count] of [
			["soup", 2],
			["weighted-soup", 2],
			["soup-of-three", 3],
			["f16-soup", 3],
		] as const) {
			const soupOf = ingredients.slice(0, count).map(stage.modelPath);
			const { results, error } = await outcomeOf(stage.modelPath(soup), { soupOf });
			expect(error).toBeUndefined();
			expect(results.map(({ check, status }) => `${check} ${status}`)).toEqual(
				["CS001", "CS012", "CS003", "CS004", "CS006", "CS009", "CS008", "CS011"].map((check) => `${check} passed`),
			);
			expect(results.flatMap(({ findings }) => findings)).toEqual([]);
		}
	});
});

const caught = new Map<string, Caught>();

describe("verify", () => {
	it.each(FAULTS)("catches, of $title: $fault ($check)", async (fault) => {
		const { check, level = "error", says } = fault;
		const control = await controlOf(fault);
		expect(control.error).toBeUndefined();
		expect(failedChecks(control)).toEqual([]);
		expect(findingOf(control, fault)).toBeUndefined();

		const outcome = await faultyRun(fault);

		if (!(check in CHECKS)) {
			expect(outcome.error?.code).toBe(check);
			expect(outcome.error?.message).toContain(says);
			caught.set(key(fault), { by: [check], text: withoutPlace(outcome.error?.message ?? "") });
			return;
		}
		const found = findingOf(outcome, fault);
		expect(
			found,
			JSON.stringify(
				outcome.results.filter(({ findings }) => findings.length > 0),
				null,
				1,
			),
		).toBeDefined();
		if (level === "error") expect(failedChecks(outcome)).toContain(check);
		const others = failedChecks(outcome).filter((other) => other !== check);
		const by = [level === "warning" ? `${check} (warning)` : check, ...others];
		caught.set(key(fault), { by, text: withoutPlace(found?.cause ?? found?.message ?? "") });
	});
});

/** A text without what is another in every run: temporary folders and keys. */
function withoutPlace(text: string): string {
	return text
		.replaceAll(`${stage.root}/`, "")
		.replace(/fault-\w+\//g, "")
		.replace(/[0-9a-f]{64}/g, (digest) => `${digest.slice(0, 4)}…`)
		.replace(/(?<=key: found |expected )[0-9a-f]{4}…/g, "…");
}

function key({ title, fault }: { readonly title: string; readonly fault: string }): string {
	return `${title}: ${fault}`;
}

it("says what docs/verification.md says it does", async () => {
	const table = tableOf(
		CHAPTERS.map(({ title, faults }) => ({
			title,
			rows: faults.map(({ fault }) => ({ fault, ...(caught.get(key({ title, fault })) ?? { by: [], text: "" }) })),
		})),
	);
	const page = await readFile(PAGE, "utf8");
	if (process.env.CLIP_SOUP_WRITE_DOCS) await writeFile(PAGE, pageWith(page, table));
	else expect(tableIn(page)).toBe(table);
});
