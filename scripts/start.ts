import { spawnSync } from "node:child_process";

/** The main job on the embedded fixtures: two endings of one training run, averaged, looked at and compared. */
const STEPS: readonly { readonly title: string; readonly args: readonly string[]; readonly exitCode: number }[] = [
	{
		title: "Average the two endings of a training run, augreg and rewind, into a soup",
		args: [
			"avg",
			"fixtures/digits-clip/augreg",
			"fixtures/digits-clip/rewind",
			"-o",
			"out/soup",
			"--digests",
			"--force",
		],
		exitCode: 0,
	},
	{ title: "Look at what was written, bytes included", args: ["inspect", "out/soup", "--data"], exitCode: 0 },
	{
		title: "Compare it with the soup that float64 arithmetic in Python made: equal to the bit",
		args: ["diff", "out/soup", "fixtures/digits-clip/soup"],
		exitCode: 0,
	},
	{
		title: "Compare it with one of its ingredients: near, and not equal (exit status 1)",
		args: ["diff", "out/soup", "fixtures/digits-clip/augreg"],
		exitCode: 1,
	},
	{
		title: "Convert the soup into the layouts of timm and transformers, with their configuration files",
		args: ["convert", "out/soup", "--to", "timm,hf", "-o", "out/layouts", "--force"],
		exitCode: 0,
	},
	{
		title: "Convert it back",
		args: ["convert", "out/layouts/hf", "--to", "openclip", "-o", "out/back", "--force", "--quiet"],
		exitCode: 0,
	},
	{ title: "Not a bit has changed", args: ["diff", "out/soup", "out/back"], exitCode: 0 },
];

for (const { title, args, exitCode } of STEPS) {
	console.log(`\n# ${title}\n$ clip-soup ${args.join(" ")}\n`);
	const { status } = spawnSync(process.execPath, ["bin/clip-soup.js", ...args], { stdio: "inherit" });
	if (status !== exitCode) {
		console.error(`expected exit status ${exitCode}, found ${status}`);
		process.exit(1);
	}
}
console.log("\nThe soup lies in out/soup/, with its recipe in soup.json.");
