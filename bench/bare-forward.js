// The floor of `verify`: sessions and runs of the same graphs on the same inputs, with nothing of ours around them.
import { readFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";

const towers = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const { graph, folder, input, type, data, dims } of towers) {
	const session = await InferenceSession.create(readFileSync(graph), {
		graphOptimizationLevel: "all",
		extra: { session: { model_external_initializers_file_folder_path: folder, disable_prepacking: "1" } },
	});
	const { buffer, byteOffset, byteLength } = readFileSync(data);
	const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
	const values = type === "int64" ? new BigInt64Array(bytes) : new Float32Array(bytes);
	await session.run({ [input]: new Tensor(type, values, dims) });
	await session.release();
}
