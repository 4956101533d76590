import { chmod, mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { hubPlaces } from "../../src/hub/endpoint.ts";
import { redact } from "../../src/hub/redact.ts";
import { findToken } from "../../src/hub/token.ts";
import { temporaryFolder } from "../support/tmp.ts";

const CACHE = join(homedir(), ".cache");

describe("hubPlaces", () => {
	test.each([
		[{}, "https://huggingface.co", join(CACHE, "huggingface"), join(CACHE, "huggingface/hub")],
		[{ XDG_CACHE_HOME: "/x" }, "https://huggingface.co", "/x/huggingface", "/x/huggingface/hub"],
		[
			{ XDG_CACHE_HOME: "/x", HF_HOME: "~/h" },
			"https://huggingface.co",
			join(homedir(), "h"),
			join(homedir(), "h/hub"),
		],
		[{ HF_HOME: "/h", HF_HUB_CACHE: "/c" }, "https://huggingface.co", "/h", "/c"],
		[{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/c" }, "https://huggingface.co", "/h", "/c"],
		[
			{ XDG_CACHE_HOME: "~/$A", A: "a" },
			"https://huggingface.co",
			join(homedir(), "a/huggingface"),
			join(homedir(), "a/huggingface/hub"),
		],
		[{ HF_HOME: `$A/\${B}/$C/$A.x`, A: "/$B", B: "~" }, "https://huggingface.co", "/$B/~/$C//$B.x", "/~/~/$C/~.x/hub"],
		[{ HF_HOME: "~user/h", HF_HUB_CACHE: "/~/${A", A: "a" }, "https://huggingface.co", "~user/h", "/~/${A"],
		[{ HF_HOME: "/h", HF_ENDPOINT: "http://mirror.example/hf//" }, "http://mirror.example/hf", "/h", "/h/hub"],
	])("of %j", (environment, endpoint, home, cache) => {
		expect(hubPlaces(environment)).toEqual({ endpoint, home, cache, isOffline: false });
	});

	test("an empty HF_HUB_OFFLINE hides no TRANSFORMERS_OFFLINE, and one that says no does", () => {
		expect(hubPlaces({ HF_HUB_OFFLINE: "", TRANSFORMERS_OFFLINE: "1" }).isOffline).toBe(true);
		expect(hubPlaces({ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "1" }).isOffline).toBe(false);
	});

	test.each(["1", "true", "YES", "on"])("is offline with HF_HUB_OFFLINE=%s", (value) => {
		expect(hubPlaces({ HF_HUB_OFFLINE: value }).isOffline).toBe(true);
	});

	test.each(["0", "", "no"])("is not offline with HF_HUB_OFFLINE=%j", (value) => {
		expect(hubPlaces({ HF_HUB_OFFLINE: value }).isOffline).toBe(false);
	});

	test.each(["huggingface.co", "ftp://x", "https://user:secret@x", "https://x?token=secret"])(
		"refuses HF_ENDPOINT=%s",
		(value) => {
			const refusal = (() => {
				try {
					return hubPlaces({ HF_ENDPOINT: value });
				} catch (error) {
					return error;
				}
			})();
			expect(refusal).toMatchObject({ code: "ERR_USAGE" });
			expect(String(refusal)).not.toContain("secret");
		},
	);
});

describe("findToken", () => {
	async function tokenFile(text: string, mode = 0o600): Promise<string> {
		const path = join(await temporaryFolder(), "home", "token");
		await mkdir(dirname(path));
		await writeFile(path, text);
		await chmod(path, mode);
		return path;
	}

	async function found(environment: Readonly<Record<string, string>>) {
		const { token } = await findToken(environment);
		return token && [token.reveal(), token.source];
	}

	test("looks in huggingface_hub's order", async () => {
		const path = await tokenFile(" hf_file\r\n");
		const home = { HF_HOME: dirname(path) };
		expect(await found(home)).toEqual(["hf_file", path]);
		expect(await found({ HF_HOME: "/none", HF_TOKEN_PATH: path })).toEqual(["hf_file", path]);
		expect(await found({ HF_TOKEN_PATH: "$PLACE/token", PLACE: dirname(path) })).toEqual(["hf_file", path]);
		expect(await found({ ...home, HUGGING_FACE_HUB_TOKEN: "hf_old" })).toEqual(["hf_old", "HUGGING_FACE_HUB_TOKEN"]);
		expect(await found({ ...home, HUGGING_FACE_HUB_TOKEN: "hf_old", HF_TOKEN: " hf_new\n" })).toEqual([
			"hf_new",
			"HF_TOKEN",
		]);
		expect(await found({ ...home, HF_TOKEN: " " })).toEqual(["hf_file", path]);
		expect(await found({ HF_HOME: "/none" })).toBeUndefined();
		expect(await found({ ...home, HF_TOKEN: "hf_new", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeUndefined();
	});

	test("warns of a file that others can read, and of no other", async () => {
		const [open, closed] = [await tokenFile("hf_x", 0o644), await tokenFile("hf_x", 0o600)];
		expect((await findToken({ HF_TOKEN_PATH: open })).notices).toEqual([
			`other users can read your token: chmod 600 ${open}`,
		]);
		expect((await findToken({ HF_TOKEN_PATH: closed })).notices).toEqual([]);
	});

	test("refuses what would break a header, without saying it", async () => {
		const refusal = await findToken({ HF_TOKEN: "hf_sécret value" }).catch((error: unknown) => error);
		expect(refusal).toMatchObject({ code: "ERR_USAGE" });
		expect(inspect(refusal)).not.toContain("cret value");
	});

	test("gives a token that does not print", async () => {
		const { token } = await findToken({ HF_TOKEN: "hf_secret" });
		for (const text of [
			`${token}`,
			JSON.stringify({ token }),
			inspect(token),
			inspect({ token }, { showHidden: true }),
		]) {
			expect(text).not.toContain("hf_secret");
			expect(text).toContain("HF_TOKEN");
		}
	});
});

describe("redact", () => {
	test.each([
		["token hf_AbCdEfGhIjKlMnOp is bad", "token hf_… is bad"],
		["hf_jwt_eyJhbGciOi.J9-x_y", "hf_…"],
		["at https://s3.example/a/b?X-Amz-Signature=abc&x=1 and", "at https://s3.example/a/b?… and"],
		['"https://h.co/x?a=1"', '"https://h.co/x?…"'],
		["https://user:secret@h.co/x", "https://h.co/x"],
		["no secret: hf:org/name?x hf_xet", "no secret: hf:org/name?x hf_xet"],
	])("%s", (text, expected) => {
		expect(redact(text)).toBe(expected);
	});
});
