import type { ModelOptions } from "../../src/checkpoint/model.ts";
import { openSubject, type Subject } from "../../src/checks/subject.ts";
import { type Census, takeCensus } from "../../src/engine/census.ts";

/** Opens a model, takes its census, files and all, and closes it after `use`. */
export async function withCensus<Result>(
	path: string,
	use: (subject: Subject, census: Census) => Result | Promise<Result>,
	options: ModelOptions = {},
): Promise<Result> {
	await using subject = await openSubject(path, options);
	return await use(subject, await takeCensus(subject, { files: true, threads: 1 }));
}
