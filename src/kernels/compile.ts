import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** The compiled SIMD kernels; a module can be passed to a worker thread, which then need not compile it. */
export function compileKernels(): WebAssembly.Module {
	return new WebAssembly.Module(readFileSync(createRequire(import.meta.url).resolve("#kernels-wasm")));
}
