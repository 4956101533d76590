import type { Census, CensusTensor } from "../engine/census.ts";
import { storedKey } from "../engine/census-tensors.ts";
import type { StoredName } from "../layouts/assemble.ts";
import type { Lock } from "../lock/schema.ts";
import { counted } from "../reports/plain-text.ts";
import { DTYPES } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/shape.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";
import { type Cause, findCause } from "./lock-causes.ts";
import { type ComparedTensor, hexOf, type LockComparison } from "./lock-comparison.ts";
import { hasLockedForm } from "./lock-shapes.ts";
import type { Subject } from "./subject.ts";

/** Tensors whose bytes are looked at for what happened to them: the first ones that differ, if they are not larger. */
const MOST_EXPLAINED = 10;
const MOST_EXPLAINED_BYTES = 64 * 2 ** 20;

/** From this share of differing tensors on, the weights are others; layers that never train may be equal even so. */
const OTHER_WEIGHTS_SHARE = 0.9;
const LEAST_OTHER_WEIGHTS = 10;

/** CS005: every tensor that is there in the lock's form has the lock's bytes. Where it has not, says what may have happened. */
export async function checkDigests(
	subject: Subject,
	census: Census,
	lock: Lock,
	{ common }: LockComparison,
): Promise<CheckResult> {
	const compared = common.filter(hasLockedForm);
	const damaged = compared.filter(({ locked, found }) => hexOf(locked) !== found.sha256);
	const areOthers = damaged.length >= Math.max(LEAST_OTHER_WEIGHTS, compared.length * OTHER_WEIGHTS_SHARE);
	const explained = await explain(subject, damaged.slice(0, areOthers ? 1 : MOST_EXPLAINED), common);
	const blame = partsToBlame(census, lock);
	const findings = [
		...(areOthers
			? [otherWeightsFinding(damaged.length, compared.length, explained)]
			: damaged.map((tensor, index) => digestFinding(tensor, blame(tensor.found.sources), explained[index]))),
		...census.trainedBiases.map(trainedBiasFinding),
	];
	return ranCheck("CS005", 0, { detail: `SHA-256 of ${counted(compared.length, "tensor")}`, findings });
}

/** What happened to damaged tensors; undefined for those that are too large or that nothing explains. */
async function explain(
	subject: Subject,
	damaged: readonly ComparedTensor[],
	all: readonly ComparedTensor[],
): Promise<readonly (Cause | undefined)[]> {
	const lockedBy = new Map(all.map(({ locked }) => [hexOf(locked), locked.name]));
	const causes: (Cause | undefined)[] = [];
	for (const { locked, found } of damaged) {
		const owner = lockedBy.get(found.sha256);
		if (owner !== undefined) causes.push({ cause: `holds the bytes of "${owner}"` });
		else if ((elementCount(found.shape) * DTYPES[found.dtype].bits) / 8 > MOST_EXPLAINED_BYTES) causes.push(undefined);
		else {
			const bytes = await readBytes(subject, found.sources);
			const { isTransposed } = found;
			causes.push(bytes && findCause({ locked, sha256: hexOf(locked), bytes, isTransposed }));
		}
	}
	return causes;
}

/** The bytes of stored tensors one after another; undefined if there are none. */
async function readBytes({ checkpoints }: Subject, sources: readonly StoredName[]): Promise<Buffer | undefined> {
	const parts: Uint8Array[] = [];
	for (const { folder, name } of sources) {
		const part = await checkpoints[folder]?.readTensor(name);
		if (part) parts.push(part);
	}
	const [first, ...others] = parts;
	if (first === undefined || others.length > 0) return parts.length === 0 ? undefined : Buffer.concat(parts);
	return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}

/** Finds of a canonical tensor's parts those that are not what the lock's own files had; all of them if that is not told. */
function partsToBlame({ tensors }: Census, { stored = [] }: Lock) {
	const locked = new Map(stored.map((tensor) => [tensor.name, hexOf(tensor)]));
	const found = new Map(tensors.map((tensor) => [storedKey(tensor), tensor]));
	return (sources: readonly StoredName[]): readonly CensusTensor[] => {
		const parts = sources.flatMap((source) => found.get(storedKey(source)) ?? []);
		const differing = parts.filter(({ name, sha256 }) => locked.has(name) && locked.get(name) !== sha256);
		return differing.length === 0 ? parts : differing;
	};
}

function digestFinding(
	{ locked, found }: ComparedTensor,
	parts: readonly CensusTensor[],
	{ cause, elements }: Partial<Cause> = {},
): Finding {
	const [first] = parts;
	const others = parts.filter(({ name }) => name !== locked.name).map(({ name }) => `"${name}"`);
	return {
		level: "error",
		message: `"${locked.name}"${others.length > 0 ? ` (${others.join(", ")})` : ""} has other bytes than in the lock`,
		file: first?.file,
		tensor: first?.name ?? locked.name,
		expected: locked.sha256,
		found: `sha256:${found.sha256}`,
		...(cause !== undefined && { cause }),
		// Of several parts the numbers would be those of none.
		...(elements && found.sources.length === 1 && { elements }),
	};
}

function otherWeightsFinding(damaged: number, compared: number, explained: readonly (Cause | undefined)[]): Finding {
	const [first] = explained;
	return {
		level: "error",
		message: `${damaged} of ${compared} tensors have other bytes than in the lock`,
		expected: "the weights that were locked",
		found: "others",
		cause: first?.cause ?? "other weights of the same architecture, or a lock that was not written anew with them",
	};
}

function trainedBiasFinding({ name }: StoredName): Finding {
	return {
		level: "error",
		message: `"${name}" has elements that are not 0, and is no tensor of the lock's model`,
		tensor: name,
		expected: "only 0, as of a projection without a bias",
		found: "a bias",
		cause: "a head that was fine-tuned, or an architecture with this bias: name it with --arch-config",
	};
}
