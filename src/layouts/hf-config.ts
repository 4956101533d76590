import type { Architecture, TextArchitecture } from "../architectures/architecture.ts";
import type { TextTower } from "../architectures/text.ts";
import type { VitVision } from "../architectures/vit.ts";
import { ClipSoupError } from "../errors.ts";
import type { Dtype } from "../tensor/dtype.ts";
import { LARGEST_ID_EOS } from "./hf-facts.ts";
import { timmModel } from "./timm-model.ts";
import { CLIP_VOCABULARY_SIZE, type Vocabulary } from "./vocabulary.ts";

/** How transformers calls the dtypes that it loads. */
const DTYPE_NAMES: Partial<Record<Dtype, string>> = {
	F64: "float64",
	F32: "float32",
	F16: "float16",
	BF16: "bfloat16",
};

/** transformers' initial temperature, ln 14.3; trained weights replace it. */
const LOGIT_SCALE_INIT = 2.6592;

/**
 * The `config.json` of `CLIPModel`. `dtype` is that of most weights; transformers loads them in it. `vocabulary` is that of
 * the tokenizer, where it is known.
 *
 * @throws {ClipSoupError} ERR_LAYOUT_MISMATCH if the image tower is no ViT.
 */
export function clipConfig(architecture: Architecture, dtype: Dtype, vocabulary?: Vocabulary) {
	const { embedDim, vision, quickGelu } = architecture;
	if (vision.family !== "vit") throw noVitFault(vision.family);
	return {
		architectures: ["CLIPModel"],
		...dtypeField(dtype),
		logit_scale_init_value: LOGIT_SCALE_INIT,
		model_type: "clip",
		projection_dim: embedDim,
		text_config: textFields(architecture, vocabulary),
		vision_config: visionFields(vision, embedDim, quickGelu),
	};
}

/** The `config.json` of `CLIPTextModelWithProjection`. */
export function clipTextConfig(architecture: TextArchitecture, dtype: Dtype, vocabulary?: Vocabulary) {
	const fields = textFields(architecture, vocabulary);
	return { architectures: ["CLIPTextModelWithProjection"], ...dtypeField(dtype), ...fields };
}

/**
 * The `config.json` of `VisionTextDualEncoderModel` around a timm tower.
 *
 * @throws {ClipSoupError} ERR_LAYOUT_MISMATCH for a tower that timm has no name for.
 */
export function dualConfig(architecture: Architecture, dtype: Dtype, vocabulary?: Vocabulary) {
	const model = timmModel(architecture);
	return {
		architectures: ["VisionTextDualEncoderModel"],
		...dtypeField(dtype),
		logit_scale_init_value: LOGIT_SCALE_INIT,
		model_type: "vision-text-dual-encoder",
		projection_dim: architecture.embedDim,
		text_config: textFields(architecture, vocabulary),
		vision_config: {
			architecture: model.architecture,
			do_pooling: true,
			// No field of a timm wrapper, but the dual encoder reads it to size its projection.
			hidden_size: model.hiddenWidth,
			...(Object.keys(model.modelArgs).length > 0 && { model_args: model.modelArgs }),
			model_type: "timm_wrapper",
			num_classes: 0,
		},
	};
}

function dtypeField(dtype: Dtype): { readonly dtype?: string } {
	const name = DTYPE_NAMES[dtype];
	return name === undefined ? {} : { dtype: name };
}

/** Every field that decides the function: transformers' defaults are those of OpenAI's ViT-B-32. */
function textFields({ text, embedDim, quickGelu }: TextArchitecture, vocabulary: Vocabulary | undefined) {
	return {
		...blockFields(text, quickGelu),
		bos_token_id: text.vocabularySize - 2,
		eos_token_id: endToken(text.vocabularySize, vocabulary),
		max_position_embeddings: text.contextLength,
		model_type: "clip_text_model",
		// Never read: OpenCLIP pads with 0, transformers with the end, and the causal mask hides both.
		pad_token_id: 1,
		projection_dim: embedDim,
		vocab_size: text.vocabularySize,
	};
}

/**
 * The id at which transformers pools a text: the last one of the vocabulary, which OpenCLIP pools at as the largest of a
 * text; but where that one is in no text, since a vocabulary was padded, the one by which transformers looks for the largest.
 */
function endToken(vocabularySize: number, vocabulary: Vocabulary | undefined): number {
	const last = vocabularySize - 1;
	const isUsed = vocabulary === undefined ? vocabularySize <= CLIP_VOCABULARY_SIZE : vocabulary.lastId >= last;
	return isUsed ? last : LARGEST_ID_EOS;
}

function visionFields(vision: VitVision, embedDim: number, quickGelu: boolean) {
	return {
		...blockFields(vision, quickGelu),
		image_size: vision.imageSize,
		model_type: "clip_vision_model",
		num_channels: 3,
		patch_size: vision.patchSize,
		projection_dim: embedDim,
	};
}

function blockFields({ width, mlpWidth, layers, heads, eps }: TextTower | VitVision, quickGelu: boolean) {
	return {
		attention_dropout: 0.0,
		hidden_act: quickGelu ? "quick_gelu" : "gelu",
		hidden_size: width,
		intermediate_size: mlpWidth,
		layer_norm_eps: eps,
		num_attention_heads: heads,
		num_hidden_layers: layers,
	};
}

function noVitFault(family: string): ClipSoupError {
	return new ClipSoupError("ERR_LAYOUT_MISMATCH", `Cannot write a CLIPModel: found a ${family}, expected a ViT`, {
		fix: "write it as vision and text folders",
		details: { family },
	});
}
