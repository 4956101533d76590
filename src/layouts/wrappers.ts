/**
 * What training wraps around a model: DistributedDataParallel, `torch.compile`, and a checkpoint with its optimizer
 * that was flattened.
 */
const WRAPPERS = ["module.", "_orig_mod.", "state_dict."] as const;

/** The wrappers before every one of `names`, joined; empty if there are none. */
export function wrapperOf(names: readonly string[]): string {
	const [first] = names;
	if (first === undefined) return "";
	let wrapper = "";
	for (;;) {
		const next = WRAPPERS.find((one) => first.startsWith(one, wrapper.length));
		const isOfAll = next !== undefined && names.every((name) => name.startsWith(`${wrapper}${next}`));
		if (!isOfAll) return wrapper;
		wrapper += next;
	}
}
