import fc from "fast-check";
import type { Architecture } from "../../src/architectures/architecture.ts";
import type { ConvNextVision } from "../../src/architectures/convnext.ts";
import type { ResNetVision } from "../../src/architectures/resnet.ts";
import type { FourStages } from "../../src/architectures/stages.ts";
import type { TextTower } from "../../src/architectures/text.ts";
import type { TransformerSize } from "../../src/architectures/transformer.ts";
import type { VitVision } from "../../src/architectures/vit.ts";

const eps = fc.constantFrom(1e-5, 1e-6);

function upTo(max: number): fc.Arbitrary<number> {
	return fc.integer({ min: 1, max });
}

function stages(max: number): fc.Arbitrary<FourStages> {
	return fc.tuple(upTo(max), upTo(max), upTo(max), upTo(max));
}

const transformerSize: fc.Arbitrary<TransformerSize> = fc
	.record({ heads: upTo(8), headWidth: upTo(100), layers: upTo(4), mlpWidth: upTo(3000) })
	.map(({ heads, headWidth, layers, mlpWidth }) => ({ width: heads * headWidth, heads, layers, mlpWidth }));

const vit: fc.Arbitrary<VitVision> = fc
	.record({ size: transformerSize, patchSize: upTo(32), side: upTo(12), eps })
	.map(({ size, patchSize, side, eps }) => ({
		family: "vit",
		...size,
		patchSize,
		imageSize: side * patchSize,
		eps,
	}));

function convNext(head: ConvNextVision["head"]): fc.Arbitrary<ConvNextVision> {
	return fc.record({
		family: fc.constant("convnext" as const),
		timmModelName: fc.constantFrom("convnext_base" as const, "convnext_large" as const, "convnext_xxlarge" as const),
		imageSize: fc.integer({ min: 32, max: 400 }),
		depths: stages(4),
		dims: stages(64),
		eps,
		head: fc.constant(head),
		headBias: fc.boolean(),
	});
}

const resNet: fc.Arbitrary<ResNetVision> = fc.record({
	family: fc.constant("resnet" as const),
	imageSize: upTo(14).map((side) => side * 32),
	layers: stages(4),
	width: fc.integer({ min: 2, max: 96 }),
	heads: fc.constantFrom(1, 2, 4, 8, 16, 32),
});

const text: fc.Arbitrary<TextTower> = fc
	.record({
		size: transformerSize,
		contextLength: upTo(80),
		vocabularySize: upTo(600),
		eps,
		projectionBias: fc.boolean(),
	})
	.map(({ size, ...rest }) => ({ ...size, ...rest }));

/** Any architecture of a ViT, a ConvNeXt with either head, or a ResNet. */
export const anyArchitecture: fc.Arbitrary<Architecture> = fc.record({
	embedDim: upTo(128),
	vision: fc.oneof(vit, convNext("linear"), convNext("mlp"), resNet),
	text,
	quickGelu: fc.boolean(),
	customText: fc.boolean(),
	logitBias: fc.boolean(),
	nonscalarLogitScale: fc.boolean(),
});
