import { readdirSync, readFileSync } from "node:fs";
import * as z from "zod";
import { isDtype } from "../../src/tensor/dtype.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";

const FOLDER = new URL("../../fixtures/inventory/", import.meta.url);

const fixtureSchema = z.object({
	model: z.string(),
	model_cfg: z.unknown(),
	tensors: z.record(z.string(), z.tuple([z.string().refine(isDtype), z.array(z.int())])),
});

/** The tensors that open_clip gives a model, and the config that it was built from. */
export interface InventoryFixture {
	readonly model: string;
	readonly config: unknown;
	readonly tensors: readonly TensorInfo[];
}

/** One of `fixtures/inventory`. */
export function readFixture(model: string): InventoryFixture {
	const json: unknown = JSON.parse(readFileSync(new URL(`${model}.json`, FOLDER), "utf8"));
	const { model_cfg, tensors } = fixtureSchema.parse(json);
	return {
		model,
		config: model_cfg,
		tensors: Object.entries(tensors).map(([name, [dtype, shape]]) => ({ name, dtype, shape })),
	};
}

/** All of `fixtures/inventory`. */
export const INVENTORY_FIXTURES: readonly InventoryFixture[] = readdirSync(FOLDER)
	.filter((name) => name.endsWith(".json"))
	.map((name) => readFixture(name.slice(0, -".json".length)));

/** The fixture's tensors with `change` instead of the one of that name. */
export function withTensor(tensors: readonly TensorInfo[], change: TensorInfo): readonly TensorInfo[] {
	return tensors.map((tensor) => (tensor.name === change.name ? change : tensor));
}
