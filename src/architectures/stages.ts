/** One value for each of the four stages of a convolutional tower. */
export type FourStages<Value = number> = readonly [Value, Value, Value, Value];

/** Index of a stage. */
export type StageIndex = 0 | 1 | 2 | 3;

/** The four values of a function of the stage. */
export function perStage<Value>(at: (stage: StageIndex) => Value): FourStages<Value> {
	return [at(0), at(1), at(2), at(3)];
}

/** Whether two towers agree in all stages. */
export function equalStages(a: FourStages, b: FourStages): boolean {
	return perStage((stage) => a[stage] === b[stage]).every(Boolean);
}
