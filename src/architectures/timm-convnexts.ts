import { equalStages, type FourStages } from "./stages.ts";

/** epsilon of timm's LayerNorm. Source: timm/layers/norm.py @ aa4b5850. */
export const TIMM_LAYER_NORM_EPS = 1e-6;

/**
 * timm's plain ConvNeXts: a `patch` stem, LayerNorm, layer scale, exact GELU.
 *
 * `eps` where it is not that of timm's LayerNorm. `mlpHeadName` is the timm model of the same trunk that holds
 * OpenCLIP's `mlp` head too: an export target, not a trunk of OpenCLIP's. Variants with other norms, stems or blocks
 * (`_ols`, `_rms`, `_hnf`, V2 …) are other functions.
 * Source: timm/models/convnext.py @ aa4b5850.
 */
export const TIMM_CONVNEXTS = {
	convnext_tiny: { title: "Tiny", depths: [3, 3, 9, 3], dims: [96, 192, 384, 768] },
	convnext_small: { title: "Small", depths: [3, 3, 27, 3], dims: [96, 192, 384, 768] },
	convnext_base: { title: "Base", depths: [3, 3, 27, 3], dims: [128, 256, 512, 1024] },
	convnext_large: {
		title: "Large",
		depths: [3, 3, 27, 3],
		dims: [192, 384, 768, 1536],
		mlpHeadName: "convnext_large_mlp",
	},
	convnext_xlarge: { title: "XLarge", depths: [3, 3, 27, 3], dims: [256, 512, 1024, 2048] },
	convnext_xxlarge: { title: "XXLarge", depths: [3, 4, 30, 3], dims: [384, 768, 1536, 3072], eps: 1e-5 },
} as const satisfies Record<string, TimmConvNext>;

/** An entry of `TIMM_CONVNEXTS`. */
export interface TimmConvNext {
	readonly title: string;
	readonly depths: FourStages;
	readonly dims: FourStages;
	readonly eps?: number;
	readonly mlpHeadName?: string;
}

/** The name of an entry, timm's `architecture`. */
export type TimmConvNextName = keyof typeof TIMM_CONVNEXTS;

/** Whether a `timm_model_name` is one of the table's. */
export function isTimmConvNextName(name: unknown): name is TimmConvNextName {
	return typeof name === "string" && Object.hasOwn(TIMM_CONVNEXTS, name);
}

/** The entry of a name with its epsilon. */
export function timmConvNext(name: TimmConvNextName): TimmConvNext & { readonly eps: number } {
	return { eps: TIMM_LAYER_NORM_EPS, ...TIMM_CONVNEXTS[name] };
}

/** Whether depths and dims are those of the entry, not overridden by `timm_model_kwargs`. */
export function isRegisteredSize(
	name: TimmConvNextName,
	size: { readonly depths: FourStages; readonly dims: FourStages },
): boolean {
	const { depths, dims } = TIMM_CONVNEXTS[name];
	return equalStages(size.depths, depths) && equalStages(size.dims, dims);
}
