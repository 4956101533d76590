import fc from "fast-check";
import type { Architecture } from "../../src/architectures/architecture.ts";
import type { FourStages } from "../../src/architectures/stages.ts";
import type { TransformerSize } from "../../src/architectures/transformer.ts";
import type { Vision } from "../../src/architectures/vision.ts";
import { canonicalInventory } from "../../src/layouts/canonical.ts";
import { elementCount } from "../../src/tensor/shape.ts";
import { type MemoryTensor, memoryTensor } from "./systems.ts";

const eps = fc.constantFrom(1e-5, 1e-6);

const few = fc.integer({ min: 1, max: 3 });

function stages(max: number): fc.Arbitrary<FourStages> {
	const one = fc.integer({ min: 1, max });
	return fc.tuple(one, one, one, one);
}

const blocks: fc.Arbitrary<TransformerSize> = fc
	.record({ heads: few, headWidth: few, layers: few, mlpWidth: fc.integer({ min: 1, max: 9 }) })
	.map(({ heads, headWidth, layers, mlpWidth }) => ({ width: heads * headWidth, heads, layers, mlpWidth }));

const vision: fc.Arbitrary<Vision> = fc.oneof(
	fc.record({ size: blocks, patchSize: few, side: few, eps }).map(({ size, patchSize, side, eps }) => ({
		family: "vit" as const,
		...size,
		patchSize,
		imageSize: side * patchSize,
		eps,
	})),
	fc.record({
		family: fc.constant("convnext" as const),
		timmModelName: fc.constantFrom("convnext_large" as const, "convnext_xxlarge" as const),
		imageSize: fc.integer({ min: 32, max: 99 }),
		depths: stages(2),
		dims: stages(4),
		eps,
		head: fc.constantFrom("linear" as const, "mlp" as const),
		headBias: fc.boolean(),
	}),
	fc.record({
		family: fc.constant("resnet" as const),
		imageSize: fc.constantFrom(32, 64),
		layers: stages(2),
		width: fc.constantFrom(2, 4),
		heads: fc.constantFrom(1, 2),
	}),
);

/** Any architecture small enough that its tensors are made and moved in no time. */
export const smallArchitecture: fc.Arbitrary<Architecture> = fc.record({
	embedDim: fc.integer({ min: 1, max: 6 }),
	vision,
	text: fc.record({ size: blocks, contextLength: few, vocabularySize: few, eps }).map(({ size, ...rest }) => ({
		...size,
		...rest,
		projectionBias: false,
	})),
	quickGelu: fc.boolean(),
	customText: fc.boolean(),
	logitBias: fc.constant(false),
	nonscalarLogitScale: fc.boolean(),
});

/** Canonical tensors of an architecture, of which no two bytes' neighbourhoods are alike. */
export function countingTensors(architecture: Architecture): readonly MemoryTensor[] {
	let count = 0;
	return canonicalInventory(architecture).map(({ name, shape, role }) => {
		const dtype = role === "counter" ? "I64" : "F32";
		const elements = elementCount(shape);
		const values =
			dtype === "I64"
				? BigInt64Array.from({ length: elements }, () => BigInt(++count))
				: Float32Array.from({ length: elements }, () => ++count);
		return memoryTensor({ name, shape, dtype }, new Uint8Array(values.buffer));
	});
}
