import { once } from "node:events";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { average } from "../../src/avg.ts";
import { isSmall, mostThreads, startThread, startThreadsAhead, threadsOf } from "../../src/engine/threads.ts";
import { temporaryFolder } from "../support/tmp.ts";

const LARGE = [{ files: [{ source: { byteLength: 1e9, descriptor: 3 } }] }];
const REMOTE = [{ files: [{ source: { byteLength: 1e9, descriptor: undefined } }] }];
const SMALL = [{ files: [{ source: { byteLength: 1e6, descriptor: 3 } }] }];

describe("threadsOf", () => {
	it.each([
		[{ byteLength: 1, isRemote: false }, 1, true],
		[{ byteLength: 9e6, isRemote: false }, 1, false],
		[{ byteLength: 1e9, isRemote: false, threads: 7 }, 7, false],
		[{ byteLength: 1, isRemote: false, threads: 2 }, 2, false],
		[{ byteLength: 1, isRemote: false, threads: 1 }, 1, true],
		[{ byteLength: 1e9, isRemote: true, threads: 7 }, 1, false],
		[{ byteLength: 1, isRemote: true }, 1, false],
	])("of %j", (load, threads, small) => {
		expect(threadsOf(load)).toBe(threads);
		expect(isSmall(load)).toBe(small);
		expect(threadsOf(load)).toBeLessThanOrEqual(mostThreads(load));
	});
});

describe("startThreadsAhead", () => {
	let started: Worker[];
	const note = (worker: Worker) => started.push(worker);

	beforeEach(() => {
		started = [];
		process.on("worker", note);
	});
	afterEach(() => {
		process.off("worker", note);
	});

	/** Node says that a thread was made in the tick after it. */
	async function count(): Promise<number> {
		await setImmediate();
		return started.length;
	}

	it.each([
		["what is small", SMALL, {}],
		["what is remote", REMOTE, {}],
		["a dry run", LARGE, { dryRun: true }],
		["nothing", [], {}],
	])("starts none for %s", async (_, checkpoints, options) => {
		startThreadsAhead(checkpoints, options)[Symbol.dispose]();
		expect(await count()).toBe(0);
	});

	it("starts those whose work begins later, and ends the others", async () => {
		const ahead = startThreadsAhead(LARGE, { threads: 2 });
		expect(await count()).toBe(2);
		const [first] = started;
		// No task: the thread fails at it, which shows that it was this one that took it.
		const worker = startThread({ thread: 0 } as never);
		expect(worker).toBe(first);
		await expect(once(worker, "message")).rejects.toThrow("undefined");
		const ended = started.slice(1).map((other) => once(other, "exit"));
		ahead[Symbol.dispose]();
		await Promise.all(ended);
		expect(await count()).toBe(2);
	});

	it("is what the pass of a command takes, and a command that fails leaves none", async () => {
		const input = "fixtures/digits-clip/augreg/open_clip_model.safetensors";
		const output = join(await temporaryFolder(), "soup.safetensors");
		const options = { output, threads: 3 };
		await average([input, input], options);
		expect(await count()).toBe(3);
		await expect(average([input, input], options)).rejects.toMatchObject({ code: "ERR_OUTPUT_EXISTS" });
		expect(await count()).toBe(6);
		await Promise.all(started.map((worker) => worker.threadId === -1 || once(worker, "exit")));
	});
});
