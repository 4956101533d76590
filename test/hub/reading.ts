import { join } from "node:path";
import { Hub, type HubOptions } from "../../src/hub/hub.ts";
import type { HubDouble } from "../support/hub/double.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** A Hub whose waits take no time, and the waits that it would have made. */
export interface ReadingHub {
	readonly hub: Hub;
	readonly delays: number[];
}

/** Looks at the double, with an empty home unless `environment` says otherwise. */
export async function hubOn(
	double: HubDouble,
	environment: Readonly<Record<string, string>> = {},
	options: Omit<HubOptions, "environment"> = {},
): Promise<ReadingHub> {
	const delays: number[] = [];
	const sleep = async (delayMs: number) => {
		delays.push(delayMs);
	};
	const HF_HOME = join(await temporaryFolder(), "hf-home");
	const hub = new Hub({
		environment: { HF_ENDPOINT: double.hubUrl, HF_HOME, ...environment },
		idleTimeoutMs: 200,
		...options,
		retry: { sleep, ...options.retry },
	});
	return { hub, delays };
}
