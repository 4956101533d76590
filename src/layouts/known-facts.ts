import type { Preset } from "../architectures/index.ts";
import { type Carriers, inferImage } from "../architectures/infer.ts";
import { type NamedShape, type Shapes, shapesOf } from "../architectures/shapes.ts";
import { inferText, TEXT_CARRIERS } from "../architectures/text.ts";
import type { Shape } from "../tensor/shape.ts";
import { towerOf } from "./canonical.ts";
import { assumedBy, type FactSource, type Places, statedBy } from "./facts.ts";
import { OPENCLIP_CUSTOM_TEXT } from "./openclip.ts";
import { OPENCLIP_PREPROCESS } from "./preprocess.ts";
import type { Reading } from "./read.ts";
import { storedForms } from "./stored-forms.ts";

/** What of a reading tells facts. */
type Evidence = Pick<Reading, "recognitions" | "zeros"> & { readonly tensors: readonly SeenTensor[] };

/** A canonical tensor, and its shape in the file if that is another. */
type SeenTensor = NamedShape & { readonly storedShape?: Shape };

/** What tensors that were read tell; a tower that is not there tells nothing. */
export function tensorFacts({ tensors, zeros, recognitions }: Evidence): readonly FactSource[] {
	const towers = new Set(tensors.map(({ name }) => towerOf(name)));
	const { namesOf } = storedForms(recognitions);
	const shapes = shapesOf(tensors, (name) => (recognitions.length === 0 ? name : namesOf(name)?.[0]));
	return [
		...(towers.has("image") ? imageFacts(shapes, zeros.length > 0) : []),
		...(towers.has("text") ? textFacts(shapes, recognitions) : []),
		...temperatureFacts(tensors),
	];
}

/** A bias that is there whether it was trained or not leaves open whether the head has one. */
function imageFacts(shapes: Shapes, hasZeroBias: boolean): readonly FactSource[] {
	const { vision, embedDim, carriers } = inferImage(shapes);
	const name = "the image tower's tensors";
	const places = tensorPlaces(shapes, carriers, "vision", { ...vision });
	if (vision.family !== "convnext" || !hasZeroBias) return [statedBy(name, { root: { embedDim }, vision }, places)];
	const { headBias, ...visible } = vision;
	return [statedBy(name, { root: { embedDim }, vision: visible }, places), assumedBy(name, { vision: { headBias } })];
}

/** Under `text.` it is a `CustomTextCLIP`'s, unless a configuration says that its model has it at top level. */
function textFacts(shapes: Shapes, recognitions: Evidence["recognitions"]): readonly FactSource[] {
	const { text, embedDim } = inferText(shapes, "");
	const isCustomText = recognitions.some((one) => one?.tables.includes(OPENCLIP_CUSTOM_TEXT));
	const carriers = { ...TEXT_CARRIERS, embedDim: text.projectionBias ? "text_projection.weight" : "text_projection" };
	const name = "the text tower's tensors";
	return [
		statedBy(name, { root: { embedDim }, text }, tensorPlaces(shapes, carriers, "text", { ...text })),
		...(isCustomText ? [assumedBy(name, { root: { customText: true } })] : []),
	];
}

/** The stored names of the tensors that tell a tower's facts. */
function tensorPlaces(
	shapes: Shapes,
	carriers: Carriers,
	tower: "vision" | "text",
	facts: Readonly<Record<string, unknown>>,
): Places {
	const entries = Object.entries(carriers).map(([fact, carrier]) => {
		const name = carrier.replace("{last}", String(Number(facts[fact]) - 1));
		return [fact === "embedDim" ? fact : `${tower}.${fact}`, shapes.storedName(name) ?? name] as const;
	});
	return Object.fromEntries(entries);
}

/** open_clip reads a temperature of either shape into a model of the other, so that a configuration decides. */
function temperatureFacts(tensors: readonly SeenTensor[]): readonly FactSource[] {
	const scale = tensors.find(({ name }) => name === "logit_scale");
	if (scale === undefined) return [];
	const { storedShape = scale.shape } = scale;
	const logitBias = tensors.some(({ name }) => name === "logit_bias");
	return [
		statedBy("the temperature", { root: { logitBias } }),
		assumedBy("the temperature", { root: { nonscalarLogitScale: storedShape.length > 0 } }),
	];
}

/** What a preset tells: its architecture, and OpenCLIP's usual preprocessing where no config tells another. */
export function presetFacts({ name, architecture }: Preset): readonly FactSource[] {
	const { vision, text, customText: _, ...root } = architecture;
	return [
		statedBy(`--arch ${name}`, { root, vision, text }),
		assumedBy("OpenCLIP's default", { preprocess: OPENCLIP_PREPROCESS }),
	];
}

/** OpenCLIP's usual forms of what other layouts cannot tell. */
export const USUAL_FORMS: FactSource = assumedBy("OpenCLIP's default", {
	root: { customText: false, logitBias: false, nonscalarLogitScale: false },
	preprocess: { fillColor: OPENCLIP_PREPROCESS.fillColor },
});
