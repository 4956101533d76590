import * as z from "zod";
import { isClipSoupError } from "../errors.ts";
import type { Connection } from "./connection.ts";

const whoamiSchema = z.object({
	name: z.string(),
	auth: z.object({ accessToken: z.object({ role: z.string() }).optional() }).optional(),
});

/** Whose token it is, as `ann, write`; undefined if the Hub does not say, which keeps nobody from writing. */
export async function describeAccount({ http, endpoint, token, id }: Connection): Promise<string | undefined> {
	if (token === undefined) return undefined;
	const attempt = { verb: "ask for the account of", object: `hf:${id}` };
	try {
		const { value } = await http.json({ url: `${endpoint}/api/whoami-v2`, attempt });
		const account = whoamiSchema.parse(value);
		return [account.name, account.auth?.accessToken?.role ?? []].flat().join(", ");
	} catch (error) {
		if (isClipSoupError(error) && error.code === "ERR_HUB_AUTH") throw error;
		if (isClipSoupError(error) || error instanceof z.ZodError) return undefined;
		throw error;
	}
}
