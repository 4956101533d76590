/** Compiles the SIMD kernels, src/kernels/assembly/, to dist/kernels/kernels.wasm. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const OPTIONS = [
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

// A process of its own: imported, assemblyscript's types replace the globals of the whole TypeScript program, and tsx
// takes six seconds to load it.
const compiler = createRequire(import.meta.url).resolve("assemblyscript/bin/asc.js");
const { status } = spawnSync(
	process.execPath,
	[compiler, "src/kernels/assembly/index.ts", "--outFile=dist/kernels/kernels.wasm", ...OPTIONS],
	{ cwd: dirname(dirname(fileURLToPath(import.meta.url))), stdio: "inherit" },
);
process.exitCode = status ?? 1;
