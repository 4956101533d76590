import * as z from "zod";
import { ClipSoupError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { postJson } from "./http.ts";

const yamlSchema = z.object({ errors: z.array(z.object({ message: z.string() })) });

/** Lets the Hub check the front matter of a model card, as it does again at the commit. @throws {ClipSoupError} ERR_CARD_INVALID */
export async function checkFrontMatter({ http, endpoint, id }: Connection, card: string): Promise<void> {
	const attempt = { verb: "check the model card of", object: `hf:${id}` };
	const url = `${endpoint}/api/validate-yaml`;
	const { value } = await http.json(postJson(url, attempt, { content: card, repoType: "model" }));
	const errors = yamlSchema.safeParse(value).data?.errors ?? [];
	if (errors.length === 0) return;
	const said = errors.map(({ message }) => message).join("; ");
	throw new ClipSoupError("ERR_CARD_INVALID", `Cannot publish README.md to "hf:${id}": the Hub says ${said}`, {
		fix: "correct the front matter of the model card",
		details: { errors },
	});
}
