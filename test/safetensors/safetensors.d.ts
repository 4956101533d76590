/** The part of npm `safetensors` 0.0.1, which has no types, that runs outside a browser. */
declare module "safetensors" {
	interface Entry {
		readonly dtype: string;
		readonly shape: readonly number[];
		/** Positions in the file. */
		readonly data_offsets: readonly number[];
	}

	class SafeTensor {
		constructor(file: Uint8Array);
		readonly metadata: ReadonlyMap<string, Entry>;
		getTensor(name: string): Uint8Array;
	}

	const exports: { readonly SafeTensor: typeof SafeTensor };
	export = exports;
}
