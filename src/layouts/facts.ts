import type { Architecture } from "../architectures/architecture.ts";
import type { ConvNextVision } from "../architectures/convnext.ts";
import type { ResNetVision } from "../architectures/resnet.ts";
import type { TextTower } from "../architectures/text.ts";
import type { VitVision } from "../architectures/vit.ts";
import type { Preprocess } from "./preprocess.ts";

/** Some of the facts of a part; `undefined` is as good as absent. */
type Some<Part> = { readonly [Fact in keyof Part]?: Part[Fact] | undefined };

/** What one source tells of a model; the size of its input is `vision.imageSize`. */
export interface PartialModel {
	readonly root?: Some<Omit<Architecture, "vision" | "text">>;
	readonly vision?: Some<VitVision> | Some<ConvNextVision> | Some<ResNetVision>;
	readonly text?: Some<TextTower>;
	readonly preprocess?: Some<Omit<Preprocess, "size">>;
}

/** Facts of a model by path: `embedDim`, `vision.heads`, `text.eps`, `preprocess.mean`. */
export type Facts = ReadonlyMap<string, unknown>;

/** Where facts come from. */
export interface FactSource {
	/** As messages and `inspect` call it: `config.json`, `--arch ViT-H-14`, `tensors`. */
	readonly name: string;
	readonly facts: Facts;
	/** For messages, by path: the field of the file or the tensor that tells the fact. */
	readonly places?: Places | undefined;
	/** Whether its facts hold only where no other source tells any: a library's default. */
	readonly isDefault: boolean;
}

/** Where in its source each fact stands, by path. */
export type Places = Readonly<Record<string, string>>;

/** A source that contradicts others if they tell something else. */
export function statedBy(name: string, model: PartialModel, places?: Places): FactSource {
	return { name, facts: factsOf(model), places, isDefault: false };
}

/** Places of which each is a field below `parent`. */
export function placesBelow(parent: string, places: Places): Places {
	return Object.fromEntries(Object.entries(places).map(([path, field]) => [path, `${parent}.${field}`]));
}

/** A source of what a library assumes where nothing is said. */
export function assumedBy(name: string, model: PartialModel): FactSource {
	return { name, facts: factsOf(model), isDefault: true };
}

function factsOf({ root = {}, ...parts }: PartialModel): Facts {
	const entries = [
		...Object.entries<unknown>(root),
		...Object.entries(parts).flatMap(([part, facts]) =>
			Object.entries<unknown>(facts).map(([fact, value]): [string, unknown] => [`${part}.${fact}`, value]),
		),
	];
	return new Map(entries.filter(([, value]) => value !== undefined));
}
