import { appendText } from "../output/append.ts";
import { Staging } from "../output/staging.ts";
import { resolveFileTarget } from "../output/target.ts";
import { githubOutputs } from "../reports/github.ts";
import { markdownReport } from "../reports/markdown.ts";
import type { ReportedError } from "../reports/reported-error.ts";
import { REPORTS, type ReportTarget } from "../reports/targets.ts";
import type { Verification } from "../verification.ts";

/** Refuses places for reports where nothing can be written, before hours of work. @throws {ClipSoupError} as `writeReports` */
export async function assertWritable(targets: readonly ReportTarget[]): Promise<void> {
	for (const { file } of targets) if (file !== undefined) await resolveFileTarget(file);
}

/**
 * Writes the reports that were asked for: each file complete or not at all, in the place of an older report.
 *
 * `github` prints annotations on stderr, which leaves stdout to the result, and adds to the job's summary and to the
 * step's outputs if there are such files.
 * @throws {ClipSoupError} ERR_OUTPUT_NOT_WRITABLE, ERR_OUTPUT_EXISTS if a folder is in the way, ERR_NO_SPACE, ERR_IO
 */
export async function writeReports(
	targets: readonly ReportTarget[],
	verification: Verification,
	error?: ReportedError,
): Promise<void> {
	for (const { kind, file } of targets) {
		const text = REPORTS[kind](verification, error);
		if (file === undefined) {
			process.stderr.write(text);
			const summary = process.env.GITHUB_STEP_SUMMARY;
			if (summary) await appendText(summary, markdownReport(verification, error));
			const outputs = process.env.GITHUB_OUTPUT;
			if (outputs) await appendText(outputs, githubOutputs(verification));
			continue;
		}
		const target = await resolveFileTarget(file);
		await using staging = await Staging.open(target, { force: true, fsync: false });
		staging.addBytes(target.name, Buffer.from(text));
		await staging.commit();
	}
}
