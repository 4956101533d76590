import { cp, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DTYPES, type Dtype, isFloatDtype } from "../../src/tensor/dtype.ts";
import { readSafetensors } from "../cli/read-safetensors.ts";
import { jsonAt } from "../convert/fixtures.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import type { ModelId, Stage } from "./stage.ts";

/** Does something to a copy of a model. */
export type Plant = (folder: string, stage: Stage) => Promise<unknown>;

/** Changes the bytes of one tensor where they lie; what `change` returns takes their place. */
export function bytesOf(name: string, change: (bytes: Buffer) => Uint8Array | undefined | number): Plant {
	return async (folder) => {
		for (const path of await weightFiles(folder)) {
			const file = await readFile(path);
			const dataStart = 8 + Number(file.readBigUInt64LE());
			const entry = JSON.parse(file.subarray(8, dataStart).toString())[name];
			if (entry === undefined) continue;
			const [begin, end] = entry.data_offsets;
			const bytes = file.subarray(dataStart + begin, dataStart + end);
			const changed = change(bytes);
			if (changed instanceof Uint8Array) bytes.set(changed);
			await writeFile(path, file);
			return;
		}
		throw new Error(`No tensor "${name}" in ${folder}`);
	};
}

/** Puts another model's bytes of a tensor in the place of the own ones. */
export function takenFrom(model: ModelId, name: string): Plant {
	return async (folder, stage) => {
		const { tensors } = await readSafetensors(join(stage.modelPath(model), "open_clip_model.safetensors"));
		await bytesOf(name, () => tensors.get(name)?.bytes)(folder, stage);
	};
}

/** Puts another model's weights in the place of the own ones. */
export function weightsFrom(model: ModelId): Plant {
	const name = "open_clip_model.safetensors";
	return (folder, { modelPath }) => cp(join(modelPath(model), name), join(folder, name));
}

/** Changes one F32 value, or several. */
export function valuesOf(name: string, changes: Readonly<Record<number, (value: number) => number>>): Plant {
	return bytesOf(name, (bytes) => {
		for (const [index, change] of Object.entries(changes)) {
			bytes.writeFloatLE(change(bytes.readFloatLE(Number(index) * 4)), Number(index) * 4);
		}
		return undefined;
	});
}

export type Tensors = Map<string, TestTensor>;

/** Changes names, dtypes and shapes: the file is written anew, with the metadata it had or others. */
export function tensors(
	change: (tensors: Tensors) => unknown,
	metadata?: Readonly<Record<string, string>>,
): (folder: string) => Promise<void> {
	return async (folder) => {
		const [path = ""] = await weightFiles(folder);
		const read = await readSafetensors(path);
		const changed: Tensors = new Map(
			[...read.tensors].map(([name, { dtype, shape, bytes }]) => [name, { dtype: dtypeOf(dtype), shape, bytes }]),
		);
		change(changed);
		await writeCheckpoint(path, changed, metadata ?? read.metadata);
	};
}

/** Changes a JSON file. */
export function json(file: string, change: (json: Awaited<ReturnType<typeof jsonAt>>) => unknown): Plant {
	return async (folder) => {
		const path = join(folder, file);
		const content = await jsonAt(path);
		await writeFile(path, JSON.stringify(change(content) ?? content));
	};
}

/** Changes a header where it lies; its length must stay. */
export function header(from: string, to: string): Plant {
	return async (folder) => {
		const [path = ""] = await weightFiles(folder);
		const file = await readFile(path);
		const at = file.indexOf(from);
		if (at < 0 || from.length !== to.length) throw new Error(`Cannot replace ${from}`);
		file.write(to, at);
		await writeFile(path, file);
	};
}

/** Cuts the last bytes off a weight file, the first or the one of that number. */
export function cutOff(byteCount: number, number = 0): Plant {
	return async (folder) => {
		const path = (await weightFiles(folder))[number] ?? "";
		await truncate(path, (await stat(path)).size - byteCount);
	};
}

/**
 * Writes tensors as a function of what the ingredients hold at the same place: all of them, or one only.
 *
 * @param dtype of the soup
 */
export function remix(
	ingredients: readonly ModelId[],
	mean: (...values: number[]) => number,
	{ dtype = "F32", only }: { readonly dtype?: "F32" | "F16"; readonly only?: string } = {},
): Plant {
	return async (folder, stage) => {
		const paths = ingredients.map((one) => join(stage.modelPath(one), "open_clip_model.safetensors"));
		const read = await Promise.all(paths.map(readSafetensors));
		await tensors((own) => {
			for (const [name, tensor] of [...own].filter(([name]) => (only ?? name) === name)) {
				const columns = read.map((one) => f32In(one.tensors.get(name)?.bytes ?? Buffer.alloc(0)));
				const values = Array.from(columns[0] ?? [], (_, index) => mean(...columns.map((column) => column[index] ?? 0)));
				own.set(name, { dtype, shape: tensor.shape, values });
			}
		})(folder);
	};
}

/** The weight files of a folder, in the order of their names. */
async function weightFiles(folder: string): Promise<string[]> {
	const names = (await readdir(folder)).filter((name) => name.endsWith(".safetensors")).sort();
	return names.map((name) => join(folder, name));
}

function dtypeOf(text: string): Dtype {
	const dtype = Object.keys(DTYPES).find((name): name is Dtype => name === text);
	if (dtype === undefined) throw new Error(`No dtype ${text}`);
	return dtype;
}

/** F32 values, copied. */
export function f32In(bytes: Buffer): Float32Array {
	return new Float32Array(new Uint8Array(bytes).buffer);
}

export function f32Bytes(values: Float32Array): Buffer {
	return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** F32 bytes as values of another float dtype. */
export function recast(tensor: TestTensor, dtype: Dtype): TestTensor {
	if (!isFloatDtype(dtype)) throw new Error(`${dtype} is no float`);
	return { dtype, shape: tensor.shape, values: [...f32In(Buffer.from(tensor.bytes ?? []))] };
}

/** Parts of equal length: the thirds of a fused matrix, or its rows. */
export function parts(bytes: Buffer, count: number): Buffer[] {
	const length = bytes.length / count;
	return Array.from({ length: count }, (_, index) => bytes.subarray(index * length, (index + 1) * length));
}

/** An F32 matrix of so many columns the other way round. */
export function transposed(bytes: Buffer, columns: number): Buffer {
	const values = f32In(bytes);
	const rows = values.length / columns;
	return f32Bytes(Float32Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)] ?? 0));
}
