import { createInterface } from "node:readline/promises";
import type { PublishPlan } from "../publishing/plan.ts";
import { renderPlan } from "./publish-text.ts";

/** Shows the plan and asks, where there is someone to ask; a script that gets here has decided. */
export async function confirmPlan(plan: PublishPlan): Promise<boolean> {
	if (!process.stdin.isTTY || !process.stderr.isTTY || process.env.CI) return true;
	const asking = createInterface({ input: process.stdin, output: process.stderr });
	try {
		return /^y(es)?$/i.test((await asking.question(`\n${renderPlan(plan)}\n\nGo on? [y/N] `)).trim());
	} finally {
		asking.close();
	}
}

/** More than any token has. */
const MOST_TOKEN_CHARACTERS = 2 ** 16;

/** All that stdin holds. */
export async function readTokenFromStdin(): Promise<string> {
	let text = "";
	for await (const piece of process.stdin.setEncoding("utf8")) {
		text += String(piece);
		if (text.length > MOST_TOKEN_CHARACTERS) break;
	}
	return text;
}
