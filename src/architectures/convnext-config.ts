import * as z from "zod";
import {
	flag,
	inert,
	inertVitFields,
	only,
	positiveNumber,
	sharedVisionFields,
	stageBlocks,
	stageWidths,
} from "./config-fields.ts";
import { CONVNEXT_STRIDE, type ConvNextVision } from "./convnext.ts";
import { equalStages } from "./stages.ts";
import { isTimmConvNextName, TIMM_CONVNEXTS, type TimmConvNextName, timmConvNext } from "./timm-convnexts.ts";

/**
 * `timm_model_kwargs`: what timm's own entry may be overridden with. `timm.create_model` takes arguments of null away, so
 * that the entry's own value stays. Source: timm/models/_factory.py @ aa4b5850.
 */
const timmOptions = z
	.strictObject(
		{
			depths: stageBlocks.nullish(),
			dims: stageWidths.nullish(),
			norm_eps: positiveNumber.nullish(),
			ls_init_value: z.number({ error: "a number" }).nullish(),
			drop_rate: inert,
			drop_path_rate: inert,
		},
		{ error: "an object" },
	)
	.nullish();

/** `vision_cfg` of a ConvNeXt → `ConvNextVision`. `timm_drop` and `timm_drop_path` act in training only. */
export const convNextSchema = z
	.strictObject(
		{
			...sharedVisionFields,
			...inertVitFields,
			layers: inert,
			width: inert,
			head_width: inert,
			timm_model_name: z.custom<TimmConvNextName>(isTimmConvNextName, {
				error: `one of ${Object.keys(TIMM_CONVNEXTS).join(", ")}`,
			}),
			timm_model_pretrained: inert,
			timm_model_kwargs: timmOptions,
			// The empty pool means the timm model's own, which is the average too.
			timm_pool: only("avg", ""),
			timm_proj: only("linear", "mlp"),
			timm_proj_bias: flag,
			timm_drop: inert,
			timm_drop_path: inert,
		},
		{ error: "an object" },
	)
	.refine(({ image_size }) => image_size >= CONVNEXT_STRIDE, {
		error: `at least ${CONVNEXT_STRIDE}`,
		path: ["image_size"],
	})
	.transform((config): ConvNextVision => {
		const registered = timmConvNext(config.timm_model_name);
		const { depths, dims, norm_eps } = config.timm_model_kwargs ?? {};
		return {
			family: "convnext",
			timmModelName: config.timm_model_name,
			imageSize: config.image_size,
			depths: depths ?? registered.depths,
			dims: dims ?? registered.dims,
			eps: norm_eps ?? registered.eps,
			head: config.timm_proj ?? "linear",
			headBias: config.timm_proj_bias,
		};
	});

/** `vision_cfg` of a ConvNeXt. */
export type ConvNextConfig = z.input<typeof convNextSchema>;

/** The shortest `vision_cfg` of a ConvNeXt that names what it overrides of timm's entry. */
export function convNextConfig(vision: ConvNextVision): ConvNextConfig {
	const { timmModelName, depths, dims, eps } = vision;
	const registered = timmConvNext(timmModelName);
	const overrides = {
		...(!equalStages(depths, registered.depths) && { depths: [...depths] }),
		...(!equalStages(dims, registered.dims) && { dims: [...dims] }),
		...(eps !== registered.eps && { norm_eps: eps }),
	} satisfies ConvNextConfig["timm_model_kwargs"];
	return {
		timm_model_name: timmModelName,
		timm_model_pretrained: false,
		timm_pool: "",
		timm_proj: vision.head,
		...(vision.headBias && { timm_proj_bias: true }),
		image_size: vision.imageSize,
		...(Object.keys(overrides).length > 0 && { timm_model_kwargs: overrides }),
	};
}
