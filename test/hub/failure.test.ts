import { expect, test } from "vitest";
import { networkError } from "../../src/hub/failure.ts";

const ATTEMPT = { verb: "read", object: "hf:org/name" };

test.each([
	["ECONNREFUSED", /check the network/],
	["SELF_SIGNED_CERT_IN_CHAIN", /NODE_EXTRA_CA_CERTS/],
	["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /NODE_EXTRA_CA_CERTS/],
])("%s has a cure of its own", (code, fix) => {
	const cause = Object.assign(new Error("no connection"), { code });
	expect(networkError(ATTEMPT, "https://hub.test/?X-Amz-Signature=secret", cause)).toMatchObject({
		code: "ERR_HUB_UNAVAILABLE",
		message: `Cannot read "hf:org/name": found ${code}`,
		fix: expect.stringMatching(fix),
		details: { url: expect.not.stringContaining("secret") },
	});
});
