import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { classify } from "../src/index.ts";
import { WRITER } from "../test/support/hub/accounts.ts";
import { HubDouble } from "../test/support/hub/double.ts";

/** The main job on the embedded fixtures: two endings of one training run, averaged, converted and proved. */
const INGREDIENTS = ["fixtures/digits-clip/augreg", "fixtures/digits-clip/rewind"] as const;
const SOUP = "out/soup";
const LOCK = `${SOUP}/clip-soup.lock.json`;
const LAYOUTS = ["out/layouts/hf", "out/layouts/timm"] as const;

interface Step {
	readonly title: string;
	readonly args: readonly string[];
}

const STEPS: readonly Step[] = [
	{
		title: "Average the two endings of a training run, augreg and rewind, into a soup",
		args: ["avg", ...INGREDIENTS, "-o", SOUP, "--digests", "--force"],
	},
	{
		title: "Compare it with the soup that float64 arithmetic in Python made: equal to the bit",
		args: ["diff", SOUP, "fixtures/digits-clip/soup"],
	},
	{
		title: "Convert it into the layouts of timm and transformers, with their configuration files",
		args: ["convert", SOUP, "--to", "timm,hf", "-o", "out/layouts", "--force"],
	},
	{
		title: "Prove the soup from its ingredients, and that all three layouts compute the same at 256 × 256",
		args: ["verify", SOUP, "--soup-of", ...INGREDIENTS, "--same-as", ...LAYOUTS, "--write-lock", LOCK],
	},
	{
		title: "Check the Hugging Face form, which has other names and other files, against the lock of the soup",
		args: ["verify", LAYOUTS[0], "--lock", LOCK],
	},
];

for (const step of STEPS) await show(step);
await compareAccuracies();
await planPublishing();
console.log(`\nThe soup lies in ${SOUP}/, with its recipe in soup.json and its lock beside it.`);

/** Runs the real command, with what it prints. */
async function show({ title, args }: Step, environment: Readonly<Record<string, string>> = {}): Promise<void> {
	console.log(`\n# ${title}\n$ clip-soup ${args.join(" ")}\n`);
	const env = { ...process.env, ...environment };
	const child = spawn(process.execPath, ["bin/clip-soup.js", ...args], { stdio: "inherit", env });
	const [status] = await once(child, "close");
	if (status !== 0) fail(`expected exit status 0, found ${status}`);
}

/** What would be published, told against a Hub on this machine that is there for the tests. */
async function planPublishing(): Promise<void> {
	const double = new HubDouble();
	await double.start();
	const args = ["publish", SOUP, "--repo", "org/digits-soup", "--create", "--license", "cc-by-4.0", "--dry-run"];
	const environment = { HF_ENDPOINT: double.hubUrl, HF_TOKEN: WRITER, HF_HUB_OFFLINE: "" };
	await show({ title: "Plan to publish it, against a Hub on this machine: nothing is sent", args }, environment);
	const isHarmless = (route: string) => ["paths-info", "validate-yaml"].includes(route);
	const writes = double.requests.filter(({ method, route }) => method !== "GET" && !isHarmless(route));
	await double.close();
	if (writes.length > 0) fail("a dry run has written");
}

/** Zero-shot classification of the test pictures with each checkpoint, beside what open_clip gets. */
async function compareAccuracies(): Promise<void> {
	console.log("\n# Classify 797 pictures of digits by ten words, without training, beside what open_clip gets\n");
	const expected: Evaluation = JSON.parse(readFileSync("fixtures/digits-clip/eval.json", "utf8"));
	const { classnames, templates } = expected;
	for (const [name, path] of Object.entries({ augreg: INGREDIENTS[0], rewind: INGREDIENTS[1], soup: SOUP })) {
		const { images } = await classify(path, {
			images: ["fixtures/digits-clip/images/test"],
			classes: classnames,
			templates,
		});
		// The pictures of a class lie in a folder of its number: 3-three/0091.png.
		const right = images.filter((image) => {
			const [, number = ""] = /(\d+)-[a-z]+[/\\][^/\\]+$/.exec(image.name) ?? [];
			return classnames[Number(number)] === image.best;
		});
		const accuracy = ((100 * right.length) / images.length).toFixed(2);
		const openClip = expected.checkpoints[name]?.test.top1.toFixed(2);
		console.log(`${name.padEnd(8)} ${accuracy} %   open_clip ${openClip} %`);
		if (accuracy !== openClip) fail(`the accuracies of ${name} differ`);
	}
}

/** What of `eval.json` is needed: percentages are open_clip's. */
interface Evaluation {
	readonly classnames: readonly string[];
	readonly templates: readonly string[];
	readonly checkpoints: Readonly<Record<string, { readonly test: { readonly top1: number } }>>;
}

function fail(reason: string): never {
	console.error(reason);
	process.exit(1);
}
