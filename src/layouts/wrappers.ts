/**
 * What training wraps around a model: DistributedDataParallel, `torch.compile`, and a checkpoint with its optimizer
 * that was flattened.
 */
const WRAPPERS = ["module.", "_orig_mod.", "state_dict."] as const;

/** More than training wraps around a model; a name may be nothing else, thousands of times. */
const MOST_WRAPPERS = 8;

/** The wrappers before most of `names`, joined; empty if there are none. A training checkpoint may hold an `epoch` besides. */
export function wrapperOf(names: readonly string[]): string {
	let wrapper = "";
	for (let count = 0; count < MOST_WRAPPERS; count++) {
		const isOfMost = (prefix: string) => 2 * names.filter((name) => name.startsWith(prefix)).length > names.length;
		const next = WRAPPERS.find((one) => isOfMost(`${wrapper}${one}`));
		if (next === undefined) return wrapper;
		wrapper += next;
	}
	return wrapper;
}
