import { ClipSoupError } from "../errors.ts";

/** A card that cannot be changed without a risk to its author's text. */
export function malformed(found: string, expected: string): ClipSoupError {
	return new ClipSoupError("ERR_CONFIG_INVALID", `Cannot change the model card: found ${found}, expected ${expected}`, {
		fix: "change it by hand there, or write the card to another file",
	});
}
