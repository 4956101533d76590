import { openSubject, type Subject } from "../../src/checks/subject.ts";

/** A soup and its ingredients, open until the end of the scope. */
export interface OpenSubjects extends AsyncDisposable {
	readonly all: readonly [Subject, ...Subject[]];
}

/** Opens what the paths name: a soup, then its ingredients. */
export async function openSubjects(paths: readonly string[]): Promise<OpenSubjects> {
	const opened: Subject[] = [];
	const close = async () => {
		for (const subject of opened) await subject[Symbol.asyncDispose]();
	};
	try {
		for (const path of paths) opened.push(await openSubject(path));
	} catch (error) {
		await close();
		throw error;
	}
	const [soup, ...ingredients] = opened;
	if (soup === undefined) throw new Error("Name a soup");
	return { all: [soup, ...ingredients], [Symbol.asyncDispose]: close };
}
