import { openSubject, type Subject } from "../../src/checks/subject.ts";

/** A soup and its ingredients, open until the end of the scope. */
export interface OpenSubjects extends AsyncDisposable {
	readonly all: readonly [Subject, ...Subject[]];
}

/** Opens what the paths name: a soup, then its ingredients. */
export async function openSubjects(paths: readonly string[]): Promise<OpenSubjects> {
	const [first, ...others] = await Promise.all(paths.map((path) => openSubject(path)));
	if (first === undefined) throw new Error("Name a soup");
	const all = [first, ...others] as const;
	return {
		all: [first, ...others],
		[Symbol.asyncDispose]: async () => {
			for (const subject of all) await subject[Symbol.asyncDispose]();
		},
	};
}
