import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openModelFiles, partOf, readModel, towersIn } from "../src/checkpoint/model.ts";
import { closeAll } from "../src/checkpoint/open.ts";
import { requirePreprocess } from "../src/layouts/combine-facts.ts";
import { buildTowerGraph, GRAPH_NAMES, GRAPH_TOWERS, textOf } from "../src/onnx/clip.ts";
import { REFERENCE_COUNTS } from "../src/onnx/reference-features.ts";
import { referenceImages, referenceTokens } from "../src/onnx/reference-inputs.ts";

/** Writes what `bare-forward.js` needs to run both towers of a checkpoint, and returns the path of its list. */
export async function prepareBareForward(path: string, arch: string, folder: string): Promise<string> {
	mkdirSync(folder, { recursive: true });
	const checkpoints = await openModelFiles(path);
	const model = await readModel(path, checkpoints, { arch });
	const architecture = partOf(model, towersIn(model.tensors));
	const towers: unknown[] = [];
	for (const tower of GRAPH_TOWERS) {
		const graph = await buildTowerGraph(model, architecture, tower);
		const count = REFERENCE_COUNTS[tower];
		const values =
			tower === "image"
				? referenceImages(count, requirePreprocess(model.knowledge))
				: referenceTokens(count, textOf(architecture));
		const [graphFile, dataFile] = [join(folder, `${tower}.onnx`), join(folder, `${tower}.bin`)];
		writeFileSync(graphFile, graph.bytes);
		writeFileSync(dataFile, new Uint8Array(values.buffer));
		towers.push({
			graph: graphFile,
			folder: graph.folder,
			input: GRAPH_NAMES[tower].input,
			type: tower === "image" ? "float32" : "int64",
			data: dataFile,
			dims: [count, ...graph.inputShape],
		});
	}
	await closeAll(checkpoints);
	const list = join(folder, "towers.json");
	writeFileSync(list, JSON.stringify(towers));
	return list;
}
