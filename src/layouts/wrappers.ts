/**
 * What training wraps around a model: DistributedDataParallel, `torch.compile`, and a checkpoint with its optimizer
 * that was flattened.
 */
const WRAPPERS = ["module.", "_orig_mod.", "state_dict."] as const;

/** More than training wraps around a model; a name may be nothing else, thousands of times. */
const MOST_WRAPPERS = 8;

/** The wrappers before every one of `names`, joined; empty if there are none. */
export function wrapperOf(names: readonly string[]): string {
	const [first] = names;
	if (first === undefined) return "";
	let wrapper = "";
	for (let count = 0; count < MOST_WRAPPERS; count++) {
		const next = WRAPPERS.find((one) => first.startsWith(one, wrapper.length));
		const isOfAll = next !== undefined && names.every((name) => name.startsWith(`${wrapper}${next}`));
		if (!isOfAll) return wrapper;
		wrapper += next;
	}
	return wrapper;
}
