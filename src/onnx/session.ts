import type { InferenceSession, Tensor } from "onnxruntime-node";
import { ClipSoupError } from "../errors.ts";
import { GRAPH_NAMES, type TowerGraph } from "./clip.ts";

/** How ONNX Runtime works. */
export interface SessionOptions {
	/** Threads of one operator. Default: ONNX Runtime's own, the physical cores. */
	readonly threads?: number | undefined;
	/** Default: `all`, which also lays convolutions out for the processor. */
	readonly optimization?: "disabled" | "basic" | "extended" | "all" | undefined;
	/**
	 * Whether weights are copied into the order that the kernels like best, instead of mapped from their files. Default
	 * false. The image tower of ConvNeXt-XXLarge, 3.4 GB, best of four on 2 busy cores: session 0.4 s without and 4.6 s
	 * with, an image 1.7 s and 2.5 s, resident 3.6 GB either way, but without they are the file's own pages.
	 */
	readonly prepacking?: boolean | undefined;
}

/** A tower ready to run. Close it after use (`await using`): it holds the weights in memory. */
export class TowerSession implements AsyncDisposable {
	readonly graph: TowerGraph;
	readonly #session: InferenceSession;
	readonly #tensor: typeof Tensor;

	/** Use `openTower`. */
	constructor(graph: TowerGraph, session: InferenceSession, tensor: typeof Tensor) {
		this.graph = graph;
		this.#session = session;
		this.#tensor = tensor;
	}

	/**
	 * The features of some images or texts.
	 *
	 * Shapes: `input` is `[n, …graph.inputShape]`, row-major, float32 pixels or integer token ids; the result is
	 * `[n, graph.features]`, not normalised.
	 */
	async run(input: Float32Array | Int32Array | BigInt64Array): Promise<Float32Array> {
		const { tower, inputShape, features } = this.graph;
		const count = input.length / inputShape.reduce((product, dimension) => product * dimension, 1);
		if (!Number.isInteger(count)) throw new RangeError(`${input.length} elements are no rows of [${inputShape}]`);
		if (input instanceof Float32Array !== (tower === "image")) throw new TypeError(`No input of the ${tower} tower`);
		const names = GRAPH_NAMES[tower];
		const dims = [count, ...inputShape];
		const feed =
			input instanceof Float32Array
				? new this.#tensor("float32", input, dims)
				: new this.#tensor("int64", BigInt64Array.from(input, BigInt), dims);
		const { [names.output]: output } = await this.#session.run({ [names.input]: feed });
		const data = output?.data;
		if (!(data instanceof Float32Array) || data.length !== count * features)
			throw new TypeError("No features came out");
		return data;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#session.release();
	}
}

/** Errors only: of what ONNX Runtime warns about, nothing is the user's to change. */
const LOG_ERRORS = 3;

/**
 * Loads a tower into ONNX Runtime, which reads its weights from the model's own files.
 *
 * @throws {ClipSoupError} ERR_RUNTIME if ONNX Runtime is not there, does not load, or refuses the graph or the files
 */
export async function openTower(graph: TowerGraph, options: SessionOptions = {}): Promise<TowerSession> {
	const { InferenceSession, Tensor } = await loadRuntime();
	try {
		return new TowerSession(
			graph,
			await InferenceSession.create(graph.bytes, settingsOf(graph.folder, options)),
			Tensor,
		);
	} catch (cause) {
		throw refused(`the ${graph.tower} tower`, graph.folder, cause);
	}
}

/**
 * Loads a graph into a session of its own and closes it again: ONNX Runtime checks types, shapes and weights by ONNX's
 * rules.
 *
 * @throws {ClipSoupError} ERR_RUNTIME as `openTower`
 */
export async function assertLoads(bytes: Uint8Array, folder: string): Promise<void> {
	const { InferenceSession } = await loadRuntime();
	try {
		const session = await InferenceSession.create(bytes, settingsOf(folder, { optimization: "disabled" }));
		await session.release();
	} catch (cause) {
		throw refused("the graph", folder, cause);
	}
}

function settingsOf(folder: string, { threads, optimization = "all", prepacking = false }: SessionOptions) {
	return {
		...(threads !== undefined && { intraOpNumThreads: threads }),
		graphOptimizationLevel: optimization,
		logSeverityLevel: LOG_ERRORS,
		extra: {
			session: {
				model_external_initializers_file_folder_path: folder,
				disable_prepacking: prepacking ? "0" : "1",
			},
		},
	} satisfies InferenceSession.SessionOptions;
}

function refused(what: string, folder: string, cause: unknown): ClipSoupError {
	const message = `Cannot set up ${what} in "${folder}": ONNX Runtime says ${reasonOf(cause)}`;
	return new ClipSoupError("ERR_RUNTIME", message, {
		fix: "check that the weight files are whole, unchanged and readable",
		cause,
	});
}

/** Version of ONNX Runtime. @throws {ClipSoupError} ERR_RUNTIME if it does not load */
export async function runtimeVersion(): Promise<string> {
	const { env } = await loadRuntime();
	return env.versions.common;
}

/** Loaded only here and only when needed: everything but the forward pass works without it. */
async function loadRuntime(): Promise<typeof import("onnxruntime-node")> {
	try {
		return await import("onnxruntime-node");
	} catch (cause) {
		throw new ClipSoupError(
			"ERR_RUNTIME",
			`Cannot load ONNX Runtime on ${process.platform}-${process.arch}: ${reasonOf(cause)}`,
			{
				fix: "install onnxruntime-node on Linux (glibc), macOS (arm64) or Windows, x64 or arm64; all else works without, verify with --no-forward",
				details: { platform: process.platform, arch: process.arch },
				cause,
			},
		);
	}
}

function reasonOf(cause: unknown): string {
	return cause instanceof Error ? cause.message : String(cause);
}
