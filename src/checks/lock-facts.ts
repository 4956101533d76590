import { parseArchitecture } from "../architectures/architecture.ts";
import type { Lock } from "../lock/schema.ts";
import { type CheckResult, ranCheck } from "../verification.ts";
import { type FunctionFacts, functionFindings } from "./configuration.ts";

/** CS012 against a lock: whether every fact that decides the function is the locked one. */
export function checkLockedFacts(found: FunctionFacts, { model }: Lock): readonly CheckResult[] {
	if (model.architecture === undefined) return [];
	const locked = { architecture: parseArchitecture(model.architecture), preprocess: model.preprocess };
	const findings = functionFindings(found, locked, "the lock");
	return [ranCheck("CS012", 0, { detail: "against the lock", findings })];
}
