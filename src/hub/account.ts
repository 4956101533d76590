import * as z from "zod";
import { isClipSoupError } from "../errors.ts";
import type { Connection } from "./connection.ts";

const whoamiSchema = z.object({
	name: z.string(),
	auth: z.object({ accessToken: z.object({ role: z.string() }).optional() }).optional(),
});

/** Whose token it is. */
export interface Account {
	readonly name: string;
	/** `read`, `write`, `fineGrained`; undefined if the Hub does not say. */
	readonly role: string | undefined;
}

/** Whose token it is; undefined if the Hub does not say, which keeps nobody from writing. */
export async function readAccount({ http, endpoint, token, id }: Connection): Promise<Account | undefined> {
	if (token === undefined) return undefined;
	const attempt = { verb: "ask for the account of", object: `hf:${id}` };
	try {
		const { value } = await http.json({ url: `${endpoint}/api/whoami-v2`, attempt });
		const { name, auth } = whoamiSchema.parse(value);
		return { name, role: auth?.accessToken?.role };
	} catch (error) {
		if (isClipSoupError(error) && error.code === "ERR_HUB_AUTH") throw error;
		if (isClipSoupError(error) || error instanceof z.ZodError) return undefined;
		throw error;
	}
}
