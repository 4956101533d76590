import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Architecture, modelConfigOf } from "../../src/architectures/architecture.ts";
import { TARGETS } from "../../src/layouts/index.ts";
import { OPENCLIP_PREPROCESS } from "../../src/layouts/preprocess.ts";
import { planWriting } from "../../src/layouts/write.ts";
import { countingTensors } from "../layouts/arbitraries.ts";
import { writeTarget } from "../layouts/memory.ts";
import type { MemoryTensor } from "../layouts/systems.ts";
import { writeCheckpoint } from "../support/checkpoints.ts";

/** A ResNet of a size that timm has no name for. */
export const RESNET: Architecture = {
	embedDim: 4,
	vision: { family: "resnet", imageSize: 32, layers: [1, 1, 1, 1], width: 2, heads: 1 },
	text: {
		contextLength: 3,
		vocabularySize: 5,
		width: 4,
		layers: 1,
		heads: 2,
		mlpWidth: 16,
		eps: 1e-5,
		projectionBias: false,
	},
	quickGelu: false,
	customText: false,
	logitBias: false,
	nonscalarLogitScale: false,
};

/** Writes an OpenCLIP folder of an architecture, with values of which no two are equal. */
export async function writeModel(folder: string, architecture: Architecture): Promise<string> {
	const [written] = writeTarget(TARGETS.openclip, architecture, countingTensors(architecture));
	return writeFolder(folder, architecture, written?.tensors ?? []);
}

async function writeFolder(folder: string, architecture: Architecture, tensors: readonly MemoryTensor[]) {
	await mkdir(folder, { recursive: true });
	const entries = tensors.map(
		({ name, dtype, shape, bytes }) => [name, { dtype, shape, ...(bytes && { bytes }) }] as const,
	);
	await writeCheckpoint(join(folder, "open_clip_model.safetensors"), new Map(entries));
	const { mean, std, interpolation, resizeMode } = OPENCLIP_PREPROCESS;
	const preprocess = { mean, std, interpolation, resize_mode: resizeMode };
	const config = { model_cfg: modelConfigOf(architecture), preprocess_cfg: preprocess };
	await writeFile(join(folder, "open_clip_config.json"), JSON.stringify(config));
	return folder;
}

/** Whether a target can hold an architecture. */
export function canWrite(target: keyof typeof TARGETS, architecture: Architecture): boolean {
	return planWriting(TARGETS[target], architecture, []).faults.length === 0;
}
