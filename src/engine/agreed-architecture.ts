import { isDeepStrictEqual } from "node:util";
import type { PartialArchitecture } from "../architectures/architecture.ts";
import { disagreements } from "../architectures/disagreements.ts";
import { type ClipModel, formsOf, partOf } from "../checkpoint/model.ts";
import { ClipSoupError, throwFaults } from "../errors.ts";
import type { Tower } from "../layouts/canonical.ts";
import { canonicalFaults, missingTowerFaults } from "../layouts/canonical-faults.ts";
import { partialArchitecture } from "../layouts/combine-facts.ts";
import type { Target } from "../layouts/index.ts";
import { storedForms } from "../layouts/stored-forms.ts";
import type { TensorInfo } from "../tensor/tensor.ts";

export interface Agreement {
	/** Canonical tensors taken from one input, by its number from 0. */
	readonly keep: ReadonlyMap<string, number>;
	/** Whether no configuration is written: then facts that no tensor depends on need not be told, see `formsOf`. */
	readonly isFormEnough: boolean;
}

/**
 * The architecture of all models in the towers that the targets hold, once it is sure that each has all their tensors.
 *
 * @throws {ClipSoupError} all towers and tensors that are missing or do not fit; ERR_ARCHITECTURE_MISMATCH where the
 *   configurations differ; ERR_USAGE if none tells all that the targets need
 */
export function agreedArchitecture(
	models: readonly ClipModel[],
	targets: readonly Target[],
	{ keep, isFormEnough }: Agreement,
): PartialArchitecture {
	const towers = new Set(targets.flatMap(requiredTowers));
	const infos = infosOf(models, keep);
	const labels = models.map(({ path }, index) => (models.length === 1 ? `"${path}"` : `input ${index + 1} "${path}"`));
	throwFaults(
		"Cannot use these inputs",
		infos.flatMap((tensors, index) => missingTowerFaults(tensors, towers, labels[index])),
	);
	const [first] = models;
	const knowing = models.find(({ knowledge }) => partialArchitecture(knowledge, towers) !== undefined) ?? first;
	if (knowing === undefined) throw new RangeError("There is at least one model");
	const architecture = isFormEnough ? formsOf(knowing, towers) : partOf(knowing, towers);
	throwFaults("Cannot use these inputs", [
		...models.flatMap((model, index) => architectureFaults(architecture, model, index + 1, towers)),
		...infos.flatMap((tensors, index) => {
			const stored = storedForms(models[index]?.reading.recognitions ?? []);
			return canonicalFaults(architecture, tensors, towers, { label: labels[index], stored });
		}),
	]);
	return architecture;
}

/** The tensors of each model, and those that are taken from another one, which it need not have. */
function infosOf(models: readonly ClipModel[], keep: ReadonlyMap<string, number>): TensorInfo[][] {
	const own = models.map(({ tensors, carried }): TensorInfo[] => [...tensors, ...carried]);
	const kept = [...keep].flatMap(([name, input]) => own[input]?.find((tensor) => tensor.name === name) ?? []);
	return own.map((tensors) => {
		const names = new Set(tensors.map(({ name }) => name));
		return [...tensors, ...kept.filter(({ name }) => !names.has(name))];
	});
}

/** The towers that a target stores tensors of: a temperature that is only carried need not be there. */
function requiredTowers({ folders }: Target): Tower[] {
	return folders.flatMap(({ layout, towers }) =>
		[...towers].filter((tower) => layout.tables.some((table) => table.tower === tower && table.rules.length > 0)),
	);
}

function architectureFaults(
	expected: PartialArchitecture,
	{ knowledge, path }: ClipModel,
	number: number,
	towers: ReadonlySet<Tower>,
): ClipSoupError[] {
	const found = partialArchitecture(knowledge, towers);
	const plain = (architecture: PartialArchitecture) => ({
		...architecture,
		customText: false,
		nonscalarLogitScale: false,
	});
	if (found === undefined || isDeepStrictEqual(plain(found), plain(expected))) return [];
	const facts = disagreements(plain(found), plain(expected)).map(
		({ fact, inferred, configured }) => `${fact} ${String(inferred)}, expected ${String(configured)}`,
	);
	return [
		new ClipSoupError(
			"ERR_ARCHITECTURE_MISMATCH",
			`Cannot average input ${number} "${path}": found ${facts.join("; ")} as in the others`,
			{ fix: "average checkpoints of one architecture", details: { input: number, facts } },
		),
	];
}
