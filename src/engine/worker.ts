import { parentPort } from "node:worker_threads";
import { isClipSoupError } from "../errors.ts";
import type { WorkerData, WorkerMessage } from "./protocol.ts";
import { WorkerLoop } from "./worker-loop.ts";

function post(message: WorkerMessage): void {
	parentPort?.postMessage(message);
}

// Its work comes after its start: it may have been started before there was any.
parentPort?.once("message", ({ task, thread }: WorkerData) => {
	try {
		new WorkerLoop(task, post).run(thread);
	} catch (error) {
		if (!isClipSoupError(error)) throw error;
		const { code, message, fix, details } = error;
		post({ kind: "failed", failure: { code, message, fix, details } });
	}
	post({ kind: "done" });
});
