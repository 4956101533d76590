/** An `.npy` file of float32 in the plainest way: a second opinion on what clip-soup wrote. */
export function readNpy(file: Buffer): { readonly shape: readonly number[]; readonly values: readonly number[] } {
	if (file.toString("latin1", 0, 6) !== "\x93NUMPY") throw new Error("no NumPy file");
	if (file[6] !== 1 || file[7] !== 0) throw new Error(`version ${file[6]}.${file[7]}`);
	const start = 10 + file.readUInt16LE(8);
	const header = file.toString("latin1", 10, start);
	if (start % 64 !== 0 || !header.endsWith("\n")) throw new Error("header is not padded");
	const [, descr, order, dims = ""] =
		/^\{'descr': '([^']+)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n$/.exec(header) ?? [];
	if (descr !== "<f4" || order !== "False") throw new Error(`header ${header}`);
	const shape = dims.split(",").map(Number);
	const data = file.subarray(start);
	return { shape, values: Array.from({ length: data.length / 4 }, (_, index) => data.readFloatLE(4 * index)) };
}
