import { writeFile } from "node:fs/promises";
import { jsonAt } from "../convert/fixtures.ts";
import { type Chapter, lockOf, type Told } from "./fault.ts";
import { weightsFrom } from "./plant.ts";
import type { LockedId, Stage } from "./stage.ts";

type Json = Awaited<ReturnType<typeof jsonAt>>;

/** Verify is told a copy of a lock, changed. */
function editedLock(model: LockedId, change: (lock: Json, stage: Stage) => unknown): Told {
	return async (stage, copy) => {
		const lock = await jsonAt(stage.lockPath(model));
		await change(lock, stage);
		const path = `${copy}.lock.json`;
		await writeFile(path, JSON.stringify(lock));
		return { lock: path };
	};
}

/** What is wrong with the lock, or that it is not this model's. */
export const LOCKS: Chapter = {
	title: "Locks",
	faults: [
		{
			fault: "a lock from before the last training",
			model: "augreg",
			told: lockOf("augreg"),
			plant: weightsFrom("rewind"),
			check: "CS005",
			says: "other weights of the same architecture, or a lock that was not written anew with them",
		},
		{
			fault: "another model's lock",
			model: "vit",
			told: lockOf("vit"),
			toldInstead: ({ lockPath }) => ({ lock: lockPath("augreg") }),
			check: "CS003",
			says: "a lock of another model",
		},
		{
			fault: "a digest edited by hand",
			model: "vit",
			told: lockOf("vit"),
			toldInstead: editedLock("vit", ({ tensors: [first] }) => {
				first.sha256 = first.sha256.replace(/.$/, (digit: string) => (digit === "0" ? "1" : "0"));
			}),
			check: "ERR_LOCK_INVALID",
			says: "by its tensors",
		},
		{
			fault: "a tensor taken out of the lock",
			model: "vit",
			told: lockOf("vit"),
			toldInstead: editedLock("vit", (lock) => lock.tensors.pop()),
			check: "ERR_LOCK_INVALID",
			says: "by its tensors",
		},
		{
			fault: "a lock of a later version",
			model: "vit",
			told: lockOf("vit"),
			toldInstead: editedLock("vit", (lock) => {
				lock.lockVersion = 2;
			}),
			check: "ERR_LOCK_INVALID",
			says: "lockVersion",
		},
		{
			fault: "an expectation that the values break",
			model: "vit",
			told: lockOf("vit"),
			toldInstead: editedLock("vit", ({ expect }) => expect.push({ match: "logit_scale", max: 2 })),
			check: "CS007",
			says: '"logit_scale" has a maximum of',
			tensor: "logit_scale",
		},
		{
			fault: "an expectation of a name that is misspelt",
			model: "vit",
			told: lockOf("vit"),
			toldInstead: editedLock("vit", ({ expect }) => expect.push({ match: "logit_scales", max: 5 })),
			check: "CS007",
			level: "warning",
			says: 'The expectation of "logit_scales" speaks of no tensor',
		},
		{
			fault: "features of another model in the lock",
			model: "quick",
			told: lockOf("quick"),
			toldInstead: editedLock("quick", async (lock, { lockPath }) => {
				lock.golden = (await jsonAt(lockPath("vit"))).golden;
			}),
			check: "CS011",
			says: "features of row",
		},
		{
			fault: "the lock's quick_gelu edited by hand",
			model: "vit",
			told: lockOf("vit"),
			toldInstead: editedLock("vit", ({ model }) => {
				model.architecture.quick_gelu = true;
			}),
			check: "CS012",
			says: "quick_gelu mix-up",
		},
	],
};
