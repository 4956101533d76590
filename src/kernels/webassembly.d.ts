/** What src/kernels uses of WebAssembly: @types/node 20 does not declare it, and lib.dom would declare a browser. */
declare namespace WebAssembly {
	class Module {
		constructor(bytes: Uint8Array);
	}

	class Memory {
		constructor(descriptor: { initial: number; maximum?: number });
		readonly buffer: ArrayBuffer;
	}

	class Instance {
		constructor(module: Module, imports: Record<string, Record<string, Memory>>);
		readonly exports: Record<string, unknown>;
	}
}
