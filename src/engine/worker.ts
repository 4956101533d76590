import { parentPort, workerData } from "node:worker_threads";
import { isClipSoupError } from "../errors.ts";
import type { WorkerData, WorkerMessage } from "./protocol.ts";
import { WorkerLoop } from "./worker-loop.ts";

function post(message: WorkerMessage): void {
	parentPort?.postMessage(message);
}

try {
	const { task, thread }: WorkerData = workerData;
	new WorkerLoop(task, post).run(thread);
} catch (error) {
	if (!isClipSoupError(error)) throw error;
	post({
		kind: "failed",
		failure: { code: error.code, message: error.message, fix: error.fix, details: error.details },
	});
}
post({ kind: "done" });
