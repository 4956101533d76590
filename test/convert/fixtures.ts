import { readdirSync, readFileSync } from "node:fs";
import { copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { expect } from "vitest";
import { ClipSoupError, type ConvertOptions, convert, FaultsError } from "../../src/index.ts";
import { type ReadTensor, readSafetensors, sha256 } from "../cli/read-safetensors.ts";
import { hasFile, readJson } from "../layouts/systems.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";

/** `fixtures/layouts/⟨system⟩/…`, as the libraries wrote it. */
export function layoutPath(...names: readonly string[]): string {
	return resolve("fixtures/layouts", ...names);
}

/** `fixtures/digits-clip/⟨augreg, rewind, soup⟩`, in OpenCLIP's layout. */
export function digitsPath(name: "augreg" | "rewind" | "soup"): string {
	return resolve("fixtures/digits-clip", name);
}

/** Name → dtype, shape and SHA-256 of the bytes. */
export type Digests = Readonly<Record<string, readonly [dtype: string, shape: readonly number[], sha256: string]>>;

/** The tensors of a folder's weight files, shards and all, or of one file. */
export async function readTensors(path: string): Promise<Map<string, ReadTensor>> {
	if (path.endsWith(".safetensors")) return new Map((await readSafetensors(path)).tensors);
	const files = readdirSync(path).filter((name) => name.endsWith(".safetensors"));
	expect(files, `weight files in ${path}`).not.toEqual([]);
	const read = await Promise.all(files.map((name) => readSafetensors(join(path, name))));
	return new Map(read.flatMap(({ tensors }) => [...tensors]));
}

export async function digestsOf(path: string): Promise<Digests> {
	const tensors = [...(await readTensors(path))].sort(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(
		tensors.map(([name, { dtype, shape, bytes }]) => [name, [dtype, shape, sha256(bytes)] as const]),
	);
}

/** Digests of what a library wrote: of its file, or as `tensors.json` tells them. */
export async function libraryDigests(system: string, folder: string): Promise<Digests> {
	if (!hasFile(system, `${folder}/tensors.json`)) return digestsOf(layoutPath(system, folder));
	const digests = Object.entries(Object(readJson(system, `${folder}/tensors.json`)));
	return Object.fromEntries(digests.sort(([a], [b]) => (a < b ? -1 : 1))) as Digests;
}

/** Every file below `folder` with its bytes' digest. */
export async function filesOf(folder: string): Promise<Record<string, string>> {
	const names = readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
		.sort();
	return Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(folder, name)))]));
}

/** A JSON file as an object whose fields nobody vouches for. */
export async function jsonAt(...path: readonly string[]) {
	return JSON.parse(await readFile(join(...path), "utf8"));
}

export type Tensors = Map<string, TestTensor>;

export interface Changes {
	readonly tensors?: (tensors: Tensors) => void;
	/** Name of a JSON file → its change. */
	readonly json?: Readonly<Record<string, (json: Record<string, never> & Record<string, unknown>) => unknown>>;
	readonly metadata?: Readonly<Record<string, string>>;
}

/** Copies a folder with a single weight file, changed. */
export async function changedCopy(source: string, target: string, changes: Changes): Promise<string> {
	await mkdir(target, { recursive: true });
	for (const entry of readdirSync(source, { withFileTypes: true })) {
		const [from, to] = [join(source, entry.name), join(target, entry.name)];
		if (entry.isDirectory()) continue;
		if (entry.name.endsWith(".safetensors")) {
			const { tensors, metadata } = await readSafetensors(from);
			const changed = new Map<string, TestTensor>();
			for (const [name, { shape, bytes, dtype }] of tensors) changed.set(name, { dtype: dtype as "F32", shape, bytes });
			changes.tensors?.(changed);
			await writeCheckpoint(to, changed, changes.metadata ?? metadata);
		} else {
			await cp(from, to);
		}
	}
	for (const [name, change] of Object.entries(changes.json ?? {})) {
		const path = join(target, name);
		const json = await jsonAt(path);
		await writeFile(path, JSON.stringify(change(json) ?? json));
	}
	return target;
}

/** The tensor of that name, which must be there. */
export function required<Value>(tensors: ReadonlyMap<string, Value>, name: string): Value {
	const tensor = tensors.get(name);
	if (tensor === undefined)
		throw new Error(`No tensor "${name}" among ${[...tensors.keys()].map((one) => basename(one))}`);
	return tensor;
}

/** Exchanges what two names hold. */
export function swap(tensors: Tensors, a: string, b: string): void {
	const [first, second] = [required(tensors, a), required(tensors, b)];
	tensors.set(a, second).set(b, first);
}

/** The faults for which `convert` refuses, of which there is one at least. */
export async function faultsOf(input: string, options: ConvertOptions): Promise<readonly ClipSoupError[]> {
	const error = await convert(input, { fsync: false, ...options }).catch((reason: unknown) => reason);
	if (error instanceof FaultsError) return error.faults;
	if (error instanceof ClipSoupError) return [error];
	throw new Error(`Not refused: ${JSON.stringify(error)}`, { cause: error });
}

/** A copy of a weight file with nothing beside it. */
export async function aloneIn(folder: string, file: string): Promise<string> {
	const copy = join(folder, "alone", basename(file));
	await mkdir(dirname(copy), { recursive: true });
	await copyFile(file, copy);
	return copy;
}
