/**
 * Builds `dist/`: the kernels, the program, and its types.
 *
 * The program is bundled with the small libraries that every command starts with, which takes a third off its start: Node
 * loads a dozen files instead of three hundred, and of zod what is used.
 */
import { spawn } from "node:child_process";
import { cp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Libraries that are bundled, with what they are made of; their licences come along. */
const BUNDLED = ["commander", "iota-array", "is-buffer", "ndarray", "zod"];
/** Libraries that are loaded where they are needed. */
const EXTERNAL = ["@huggingface/*", "onnxruntime-node", "ora", "sharp"];

const KERNEL_OPTIONS = [
	"-O3",
	"--enable=simd",
	// The kernels allocate nothing: all memory is the caller's.
	"--runtime=stub",
	"--importMemory",
	"--noExportMemory",
	"--noAssert",
	// "Exchange of 'v128' values is not supported by all embeddings": functions with v128 parameters are inlined.
	"--disableWarning=112",
];

await rm(`${ROOT}/dist`, { recursive: true, force: true });
const results = await Promise.all([buildKernels(), buildTypes(), buildProgram()]);
process.exitCode = Math.max(...results);

/** In a process of its own: imported, assemblyscript's types replace the globals of the whole TypeScript program. */
function buildKernels(): Promise<number> {
	const compiler = createRequire(import.meta.url).resolve("assemblyscript/bin/asc.js");
	return run(compiler, ["src/kernels/assembly/index.ts", "--outFile=dist/kernels/kernels.wasm", ...KERNEL_OPTIONS]);
}

function buildTypes(): Promise<number> {
	return run(createRequire(import.meta.url).resolve("typescript/lib/tsc.js"), ["-p", "tsconfig.build.json"]);
}

async function buildProgram(): Promise<number> {
	const common = {
		absWorkingDir: ROOT,
		bundle: true,
		platform: "node",
		target: "node20.19",
		logLevel: "warning",
	} as const;
	await build({
		...common,
		entryPoints: ["src/cli/main.ts", "src/index.ts"],
		outdir: "dist",
		outbase: "src",
		splitting: true,
		format: "esm",
		external: EXTERNAL,
		alias: {
			zod: createRequire(import.meta.url)
				.resolve("zod")
				.replace(/\.cjs$/, ".js"),
		},
		// For the modules of Node that commander requires.
		banner: {
			js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
		},
	});
	// One CommonJS file starts a thread in two thirds of the time that modules take.
	await build({
		...common,
		entryPoints: ["src/engine/worker.ts"],
		outfile: "dist/engine/worker.cjs",
		format: "cjs",
	});
	await Promise.all(BUNDLED.map((name) => cp(`${ROOT}/node_modules/${name}/LICENSE`, `${ROOT}/dist/licences/${name}`)));
	return 0;
}

function run(script: string, args: readonly string[]): Promise<number> {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: "inherit" });
		child.on("error", reject);
		child.on("close", (code) => resolve(code ?? 1));
	});
}
