// Preloaded into a measured process: writes its peak resident memory, in bytes, to the file that BENCH_USAGE names.
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const file = process.env.BENCH_USAGE;
if (isMainThread && file) {
	process.on("exit", () => writeFileSync(file, String(process.resourceUsage().maxRSS * 1024)));
}
