/**
 * clip-soup as a library: the commands as functions, and the checkpoints they work on.
 *
 * @example
 * import { average, inspect, openCheckpoint } from "clip-soup";
 * const soup = await average(["augreg/", "rewind/"], { output: "soup/" });
 *
 * @module
 */
export { type AverageOptions, type AverageResult, average } from "./avg.ts";
export { type Card, type CardContents, cardFor } from "./card/card.ts";
export { type CardOptions, type CardResult, card } from "./card.ts";
export type { Checkpoint, CheckpointFile, CheckpointTensor } from "./checkpoint/checkpoint.ts";
export { openCheckpoint } from "./checkpoint/open.ts";
export { type ConvertOptions, type ConvertResult, convert } from "./convert.ts";
export { type Diff, type DiffOptions, type Distance, diff, type TensorDiff, type TensorStatus } from "./diff.ts";
export {
	type Classification,
	type ClassifiedImage,
	type ClassifyOptions,
	classify,
	type EmbedOptions,
	type EmbedResult,
	embed,
} from "./embed.ts";
export { ClipSoupError, type ErrorCode, FaultsError, isClipSoupError } from "./errors.ts";
export { type ExportOnnxOptions, type ExportOnnxResult, exportOnnx } from "./export-onnx.ts";
export type { Features, NamedFeatures } from "./features/features.ts";
export {
	type DataSummary,
	type DtypeSummary,
	type InspectedTensor,
	type Inspection,
	type InspectOptions,
	inspect,
} from "./inspect.ts";
export type { LayoutId } from "./layouts/detect.ts";
export type { Origin, ResolvedReference } from "./origin.ts";
export type { Progress, Watch } from "./progress.ts";
export { type PublishOptions, type PublishResult, publish } from "./publish.ts";
export type { PlannedFile, PublishPlan } from "./publishing/plan.ts";
export type { Receipt } from "./publishing/receipt.ts";
export type { Recipe } from "./recipe.ts";
export { type SignOptions, type SignResult, sign } from "./sign.ts";
export type { TensorValues } from "./tensor/array.ts";
export { DTYPES, type Dtype, FLOAT_DTYPES, type FloatDtype } from "./tensor/dtype.ts";
export type { Dimension, Shape } from "./tensor/shape.ts";
export type { TensorInfo } from "./tensor/tensor.ts";
export { CHECKS, type CheckId, type CheckResult, type Finding, type Verification } from "./verification.ts";
export { type VerifyOptions, verify } from "./verify.ts";
export { VERSION } from "./version.ts";
