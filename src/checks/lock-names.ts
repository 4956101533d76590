import { TOWERS, type Tower, towerOf } from "../layouts/canonical.ts";
import { nearestName } from "../tensor/names.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { expectedTowers } from "./expected-towers.ts";
import { type FoundTensor, hexOf, type LockComparison, type LockedTensor, placeOf } from "./lock-comparison.ts";
import type { Subject } from "./subject.ts";

const TOWER_TITLES: Readonly<Record<Tower, string>> = {
	image: "image tower",
	text: "text tower",
	joint: "temperature",
};

/** CS003: no tensor of the lock is missing, none is extra. A tensor that only changed its name is told as one finding. */
export function checkNames(subject: Subject, comparison: LockComparison): CheckResult {
	const { names, common, missing, extra } = comparison;
	const byDigest = new Map(extra.map((tensor) => [tensor.sha256, tensor]));
	const renamed = missing.flatMap((locked) => {
		const found = byDigest.get(hexOf(locked));
		return found === undefined ? [] : [{ locked, found }];
	});
	const known = new Set<unknown>(renamed.flatMap(({ locked, found }) => [locked, found]));
	const towers = names === "canonical" ? towersMissing(comparison) : [];
	const findings = [
		...renamed.map(({ locked, found }) => renamedFinding(locked, found)),
		...towers.map((tower) => towerFinding(tower, subject, missing)),
		...missing
			.filter((locked) => !known.has(locked) && !(names === "canonical" && towers.includes(towerOf(locked.name))))
			.map((locked) => missingFinding(locked, extra)),
		...extra.filter((found) => !known.has(found)).map(extraFinding),
	];
	const total = common.length + missing.length;
	return ranCheck("CS003", 0, {
		detail: `${common.length} of ${total} tensors of the lock, by ${names} name`,
		findings,
	});
}

/** Towers of the lock of which nothing at all is there. */
function towersMissing({ common, missing, extra }: LockComparison): readonly Tower[] {
	const there = new Set([...common.map(({ found }) => found), ...extra].map(({ name }) => towerOf(name)));
	const locked = new Set(missing.map(({ name }) => towerOf(name)));
	return TOWERS.filter((tower) => locked.has(tower) && !there.has(tower));
}

/** A tower that the files need not have, as timm's no text tower, is no fault of theirs. */
function towerFinding(tower: Tower, { model }: Subject, missing: readonly LockedTensor[]): Finding {
	const isExpected = model !== undefined && expectedTowers(model).has(tower);
	const count = missing.filter(({ name }) => towerOf(name) === tower).length;
	const title = TOWER_TITLES[tower];
	return {
		level: isExpected ? "error" : "warning",
		message: `There is no ${title}: ${count} of the lock's tensors are not compared`,
		expected: `a ${title}`,
		found: "none",
		...(!isExpected && { cause: "the layout has no place for it" }),
	};
}

function renamedFinding({ name }: LockedTensor, found: FoundTensor): Finding {
	return {
		level: "error",
		message: `"${name}" is missing, and its bytes are there as "${found.name}"`,
		file: found.file,
		tensor: found.name,
		expected: name,
		found: found.name,
		cause: "renamed",
	};
}

function missingFinding({ name }: LockedTensor, extra: readonly FoundTensor[]): Finding {
	const nearest = nearestName(
		name,
		extra.map((tensor) => tensor.name),
	);
	return {
		level: "error",
		message: `"${name}" is missing`,
		tensor: name,
		...(nearest !== undefined && { cause: `"${nearest}" may stand for it` }),
	};
}

function extraFinding(found: FoundTensor): Finding {
	return { level: "error", message: `"${found.name}" is not in the lock`, ...placeOf(found) };
}
