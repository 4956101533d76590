import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { alone, type Chapter, lockOf, signed } from "./fault.ts";
import { cutOff, header, json, tensors } from "./plant.ts";

const WEIGHTS = "open_clip_model.safetensors";
const INDEX = "model.safetensors.index.json";

/** What is wrong with files as files. */
export const FILES: Chapter = {
	title: "Files",
	faults: [
		{
			fault: "the file lacks its last 100 bytes",
			model: "vit",
			told: alone,
			plant: cutOff(100),
			check: "CS001",
			says: "found 864560 bytes, expected 864660 as its header says",
		},
		{
			fault: "a shard lacks its last byte",
			model: "vit-shards",
			told: alone,
			plant: cutOff(1, 1),
			check: "CS001",
			says: "as its header says (missing: 1)",
		},
		{
			fault: "a shard is not there",
			model: "vit-shards",
			told: alone,
			plant: async (folder) => {
				const [first = ""] = (await readdir(folder)).filter((name) => name.startsWith("model-")).sort();
				await rm(join(folder, first));
			},
			check: "CS001",
			says: "model-00001-of-",
		},
		{
			fault: "the index names another shard for a tensor",
			model: "vit-shards",
			told: alone,
			plant: json(INDEX, ({ weight_map: map }) => {
				const files = [...new Set(Object.values(map))];
				map.logit_scale = files.find((file) => file !== map.logit_scale);
			}),
			check: "CS001",
			says: '"logit_scale"',
		},
		{
			fault: "two tensors claim the same bytes",
			model: "vit",
			told: alone,
			plant: header("[192,384]", "[100,292]"),
			check: "CS001",
			says: "ln_final.weight",
		},
		{
			fault: "bytes are left over at the end",
			model: "vit",
			told: alone,
			plant: async (folder) => {
				const path = join(folder, WEIGHTS);
				await writeFile(path, Buffer.concat([await readFile(path), Buffer.alloc(8)]));
			},
			check: "CS001",
			says: "found 864668 bytes",
		},
		{
			fault: "metadata were edited",
			model: "vit",
			told: lockOf("vit"),
			plant: tensors(() => undefined, { format: "pt", note: "edited" }),
			check: "CS002",
			level: "warning",
			says: "other metadata, or tensors in another order",
		},
		{
			fault: "a file changed after it was signed",
			model: "vit-signed",
			told: signed,
			plant: json("open_clip_config.json", (config) => ({ ...config, model_name: "another" })),
			check: "CS013",
			says: "open_clip_config.json",
		},
		{
			fault: "a file was added after signing",
			model: "vit-signed",
			told: signed,
			plant: (folder) => writeFile(join(folder, "tokenizer.json"), "{}"),
			check: "CS013",
			says: "tokenizer.json",
		},
		{
			fault: "a signed file is not there",
			model: "vit-signed",
			told: signed,
			plant: (folder) => rm(join(folder, "open_clip_config.json")),
			check: "CS013",
			says: "open_clip_config.json",
		},
		{
			fault: "another key",
			model: "vit-signed",
			told: signed,
			toldInstead: ({ keys }) => ({ key: keys.other }),
			check: "CS013",
			says: "was made with another key",
		},
		{
			fault: "the signed statement was altered",
			model: "vit-signed",
			told: signed,
			toldInstead: (_, copy) => ({ signature: join(copy, "model.sig") }),
			plant: json("model.sig", ({ dsseEnvelope }) => {
				const payload = Buffer.from(dsseEnvelope.payload, "base64").toString();
				dsseEnvelope.payload = Buffer.from(payload.replace("vit-signed", "vit-forged")).toString("base64");
			}),
			check: "CS013",
			says: "does not hold",
		},
	],
};
