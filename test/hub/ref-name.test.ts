import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { isRefName } from "../../src/hub/ref-name.ts";

const NAMES = [
	...["v1.0", "v1.0+cu", "feature/x", "a@b", "ä", "x.lockx", "-v", "v1/", "/v1", "a//b", "a..b", ".a", "a/.b", "a."],
	...["a.lock", "a.lock/b", "a@{1", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a\x01", "a\x7f"],
];

test("names of branches are those of git check-ref-format", () => {
	const byGit = NAMES.filter((name) => spawnSync("git", ["check-ref-format", "--branch", name]).status === 0);
	expect(byGit).toContain("feature/x");
	expect(NAMES.filter(isRefName)).toEqual(byGit);
	expect(["", "@", "HEAD", "refs/heads/x"].filter(isRefName)).toEqual([]);
});
