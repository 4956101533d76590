import { defineConfig } from "vitest/config";

const inCi = process.env.CI !== undefined && process.env.CI !== "";

export default defineConfig({
	test: {
		reporters: inCi ? ["default", ["json", { outputFile: "out/test-results.json" }]] : ["default"],
		// Most of the time goes into processes that are waited for: with one worker a second core stands idle.
		maxWorkers: 2,
		// Files share what they import, which is a tenth of the time; none keeps state that another would meet.
		isolate: false,
		// As in bin/clip-soup.js: every thread that a test starts would have its loops optimised anew.
		execArgv: process.versions.v8.startsWith("11.") ? ["--interrupt-budget=2162688"] : [],
		projects: [
			{
				extends: true,
				test: { name: "fast", include: ["test/**/*.test.ts"], exclude: ["test/slow/**"], testTimeout: 20_000 },
			},
			{
				extends: true,
				test: { name: "slow", include: ["test/slow/**/*.test.ts"], testTimeout: 600_000, fileParallelism: false },
			},
		],
	},
});
