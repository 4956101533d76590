import type { ErrorCode } from "../../src/errors.ts";
import type { CheckId, Finding } from "../../src/verification.ts";
import type { VerifyOptions } from "../../src/verify.ts";
import type { Plant } from "./plant.ts";
import type { LockedId, ModelId, Stage } from "./stage.ts";

/** One thing that is wrong, and what has to be said of it. */
export interface Fault {
	/** As the table calls it. */
	readonly fault: string;
	/** The model that has it; without it, every check passes. */
	readonly model: ModelId;
	/** What verify is told besides the model. */
	readonly told: Told;
	/** What is done to a copy of the model. */
	readonly plant?: Plant;
	/** What verify is told instead, where the fault is not in the model. */
	readonly toldInstead?: Told;
	/** The check that has to fail, or the error that has to end the run. */
	readonly check: CheckId | ErrorCode;
	/** A warning fails nothing. Default: an error. */
	readonly level?: Finding["level"];
	/** Part of the message or of the likely cause. */
	readonly says: string;
	/** Stored name of the tensor, where the check can know it. */
	readonly tensor?: string;
	readonly elements?: readonly [first: number, last: number];
}

export type Told = (stage: Stage, copy: string) => VerifyOptions | Promise<VerifyOptions>;

export interface Chapter {
	readonly title: string;
	readonly faults: readonly Fault[];
}

/** Nothing: the model on its own. */
export const alone: Told = () => ({});

export function lockOf(model: LockedId): Told {
	return (stage) => ({ lock: stage.lockPath(model) });
}

export function sameAs(...models: readonly ModelId[]): Told {
	return (stage) => ({ sameAs: models.map(stage.modelPath) });
}

/** The ingredients; without the forward pass, which a wrong average passes. */
export function soupOf(...models: readonly ModelId[]): Told {
	return (stage) => ({ soupOf: models.map(stage.modelPath), forward: false });
}

export const signed: Told = ({ modelPath, keys }) => ({
	signature: `${modelPath("vit-signed")}/model.sig`,
	key: keys.own,
	forward: false,
});
