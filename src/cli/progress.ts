import type { Ora } from "ora";
import type { Progress } from "../progress.ts";
import { formatBytes, formatDuration } from "./format.ts";

/** Where progress is shown while a command runs. */
export interface ProgressDisplay extends AsyncDisposable {
	/** Undefined where nobody watches: no timer runs then. */
	readonly onProgress: ((progress: Progress) => void) | undefined;
}

/**
 * A line on stderr that tells tensors, bytes, speed and the time left; nothing where stderr is no terminal, under CI,
 * or with `--quiet`. ora is loaded only if there is something to show.
 */
export async function showProgress({ quiet }: { readonly quiet: boolean }): Promise<ProgressDisplay> {
	if (quiet || !isWatched(process.stderr)) return { onProgress: undefined, [Symbol.asyncDispose]: async () => {} };
	const { default: ora } = await import("ora");
	// ora's colours do not look at NO_COLOR by themselves. https://no-color.org
	const color = process.env.NO_COLOR ? false : "cyan";
	// Decided above; ora by itself takes an empty CI for a set one and would print a line that stays.
	const enabled = { isEnabled: true, discardStdin: false };
	const spinner = ora({ stream: process.stderr, color, text: "reading headers", ...enabled }).start();
	return {
		onProgress: lineWriter(spinner),
		[Symbol.asyncDispose]: async () => {
			spinner.stop();
		},
	};
}

/** A terminal without a size, as a bare pty has, is none: ora would clear infinitely many lines of it. */
function isWatched(stream: NodeJS.WriteStream): boolean {
	return stream.isTTY && stream.columns !== 0 && !process.env.CI && process.env.TERM !== "dumb";
}

function lineWriter(spinner: Ora): (progress: Progress) => void {
	const start = performance.now();
	return (progress) => {
		spinner.text = progressLine(progress, (performance.now() - start) / 1000);
	};
}

const VERBS: Readonly<Record<Progress["phase"], string>> = {
	download: "downloading",
	read: "reading",
	average: "averaging",
	convert: "converting",
	digest: "digesting",
	upload: "uploading",
	check: "checking",
	sync: "syncing to disk",
};

/** `averaging 120/673 tensors, 1.20/4.80 GB, 3.21 GB/s, 2 s left` after `seconds` of work. */
export function progressLine(progress: Progress, seconds: number): string {
	const { phase, tensorsDone, tensorsTotal, bytesDone, bytesTotal } = progress;
	const speed = seconds > 0 ? bytesDone / seconds : 0;
	const left = speed > 0 ? `, ${formatDuration((bytesTotal - bytesDone) / speed)} left` : "";
	const tensors = tensorsTotal === 0 ? "" : `${tensorsDone}/${tensorsTotal} tensors, `;
	const done = `${tensors}${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
	return bytesDone >= bytesTotal
		? `${VERBS[phase]}: ${done}`
		: `${VERBS[phase]} ${done}, ${formatBytes(Math.round(speed))}/s${left}`;
}
