/** How far features are from those that were expected, over the row where they are farthest. */
export interface FeatureDistance {
	/** `1 − cos`, as `½‖â − b̂‖²` in float64: the plain form has no digits left below 1e-7. NaN if a value is none. */
	readonly oneMinusCos: number;
	/** `|‖a‖ / ‖b‖ − 1|`, to which the cosine is blind. */
	readonly lengthError: number;
	/** Largest absolute difference of two elements, of all rows. */
	readonly maxAbs: number;
	/** Row with the largest `oneMinusCos`. */
	readonly row: number;
}

/** Compares features row by row. */
export function featureDistance(found: ArrayLike<number>, expected: ArrayLike<number>, width: number): FeatureDistance {
	if (found.length !== expected.length) throw new RangeError(`${found.length} features, expected ${expected.length}`);
	let worst: FeatureDistance = { oneMinusCos: 0, lengthError: 0, maxAbs: 0, row: 0 };
	for (let row = 0; row * width < found.length; row++) {
		const distance = rowDistance(found, expected, row * width, width);
		// NaN is larger than anything: a comparison with it must not let it pass.
		const isWorse = !(distance.oneMinusCos <= worst.oneMinusCos);
		worst = {
			oneMinusCos: isWorse ? distance.oneMinusCos : worst.oneMinusCos,
			lengthError: larger(distance.lengthError, worst.lengthError),
			maxAbs: larger(distance.maxAbs, worst.maxAbs),
			row: isWorse ? row : worst.row,
		};
		if (Number.isNaN(worst.oneMinusCos)) return worst;
	}
	return worst;
}

function larger(a: number, b: number): number {
	return a <= b ? b : a;
}

function rowDistance(a: ArrayLike<number>, b: ArrayLike<number>, begin: number, width: number) {
	let [squaresA, squaresB, maxAbs] = [0, 0, 0];
	for (let i = begin; i < begin + width; i++) {
		const [x, y] = [a[i] ?? Number.NaN, b[i] ?? Number.NaN];
		squaresA += x * x;
		squaresB += y * y;
		maxAbs = larger(Math.abs(x - y), maxAbs);
	}
	const [lengthA, lengthB] = [Math.sqrt(squaresA), Math.sqrt(squaresB)];
	let squares = 0;
	for (let i = begin; i < begin + width; i++) {
		squares += ((a[i] ?? Number.NaN) / lengthA - (b[i] ?? Number.NaN) / lengthB) ** 2;
	}
	return { oneMinusCos: squares / 2, lengthError: Math.abs(lengthA / lengthB - 1), maxAbs };
}
