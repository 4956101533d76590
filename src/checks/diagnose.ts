import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { towerOf } from "../layouts/canonical.ts";
import type { Preprocess, Rgb } from "../layouts/preprocess.ts";
import type { GraphTower } from "../onnx/clip.ts";
import { featureDistance } from "../onnx/distance.ts";
import { referenceFeatures, type TowerFeatures } from "../onnx/reference-features.ts";
import type { Watch } from "../progress.ts";
import { isWithin } from "./features.ts";

/** A mistake that leaves every shape as it is, and the model as it would be without it. */
interface Mistake {
	readonly cause: string;
	readonly model: ClipModel;
	readonly architecture: PartialArchitecture;
}

/**
 * Looks for the mistake that explains features: the tower is run as it would be without it, until one gives what was
 * expected.
 *
 * Tried are the mistakes that load in every library and are known from its users' reports, likeliest first.
 */
export async function explainFeatures(
	model: ClipModel,
	architecture: PartialArchitecture,
	tower: GraphTower,
	expected: TowerFeatures,
	options: { readonly limit: number; readonly threads?: number | undefined },
	watch: Watch = {},
): Promise<string | undefined> {
	for (const { cause, ...without } of mistakesOf(model, architecture, tower)) {
		const found = await referenceFeatures(without.model, without.architecture, tower, options, watch);
		if (found.values.length !== expected.values.length) continue;
		if (isWithin(featureDistance(found.values, expected.values, expected.width), options.limit)) return cause;
	}
	return undefined;
}

function mistakesOf(model: ClipModel, architecture: PartialArchitecture, tower: GraphTower): Mistake[] {
	const withArchitecture = (cause: string, changed: PartialArchitecture) => ({ cause, model, architecture: changed });
	const { preprocess } = model.knowledge;
	return [
		...geluMistakes(architecture, tower).map((changed) =>
			withArchitecture(`quick_gelu mix-up: computed with quick_gelu ${architecture.quickGelu}`, changed),
		),
		...transposedProjections(model, tower).map(({ name, model: changed }) => ({
			cause: `transposed projection: "${name}" is stored the other way round`,
			model: changed,
			architecture,
		})),
		...exchangedQueries(model, tower).map((changed) => ({
			cause: "q and k are in each other's place in every block",
			model: changed,
			architecture,
		})),
		...headMistakes(architecture, tower).map(({ heads, changed }) =>
			withArchitecture(`wrong head count: the expected features are those of ${heads} heads`, changed),
		),
		...epsMistakes(architecture, tower).map(({ eps, changed }) =>
			withArchitecture(`wrong eps: the expected features are those of eps ${eps}`, changed),
		),
		...(tower === "image" && preprocess !== undefined
			? preprocessMistakes(preprocess).map(({ cause, changed }) => ({
					cause,
					model: { ...model, knowledge: { ...model.knowledge, preprocess: changed } },
					architecture,
				}))
			: []),
	];
}

/** A ConvNeXt's and a ResNet's image tower keep their own activation. */
function geluMistakes(architecture: PartialArchitecture, tower: GraphTower): PartialArchitecture[] {
	const hasGelu = tower === "text" || architecture.vision?.family === "vit";
	return hasGelu ? [{ ...architecture, quickGelu: !architecture.quickGelu }] : [];
}

/** Only a square one can be stored the other way round without a change of shape. */
function transposedProjections(model: ClipModel, tower: GraphTower): { name: string; model: ClipModel }[] {
	const name = tower === "text" ? "text_projection" : "visual.proj";
	const matrix = model.tensors.find((tensor) => tensor.name === name);
	if (matrix === undefined || matrix.shape[0] !== matrix.shape[1]) return [];
	const tensors = model.tensors.map((one) => (one === matrix ? { ...one, isTransposed: !one.isTransposed } : one));
	return [{ name, model: { ...model, tensors } }];
}

/** Where q, k and v are stored apart, two of them can have each other's names. */
function exchangedQueries(model: ClipModel, tower: GraphTower): ClipModel[] {
	const tensors = model.tensors.map((tensor) => {
		const [q, k, v] = tensor.sources;
		const isApart = q !== undefined && k !== undefined && v !== undefined && tensor.name.includes(".attn.in_proj_");
		return isApart && towerOf(tensor.name) === tower ? { ...tensor, sources: [k, q, v] } : tensor;
	});
	return tensors.some((tensor, index) => tensor !== model.tensors[index]) ? [{ ...model, tensors }] : [];
}

/** Widths of a head that CLIPs have. Source: `head_width` of open_clip's model_configs. */
const HEAD_WIDTHS = [64, 80, 88, 104, 32, 96, 128, 16];

/** Head counts that libraries assume where none is written. Source: `CLIPVisionConfig`, `CLIPTextConfig` of transformers. */
const DEFAULT_HEADS = [12, 8];

function headMistakes(architecture: PartialArchitecture, tower: GraphTower) {
	const { vision, text } = architecture;
	if (tower === "text" && text !== undefined) {
		return headCounts(text).map((heads) => ({ heads, changed: { ...architecture, text: { ...text, heads } } }));
	}
	if (tower === "text" || vision?.family !== "vit") return [];
	return headCounts(vision).map((heads) => ({ heads, changed: { ...architecture, vision: { ...vision, heads } } }));
}

function headCounts({ width, heads }: { readonly width: number; readonly heads: number }): number[] {
	const counts = new Set([...HEAD_WIDTHS.map((headWidth) => width / headWidth), ...DEFAULT_HEADS]);
	return [...counts].filter((count) => Number.isInteger(count) && width % count === 0 && count !== heads);
}

/** Epsilons of LayerNorms in the three libraries. */
const EPSILONS = [1e-5, 1e-6, 1e-12];

function epsMistakes(architecture: PartialArchitecture, tower: GraphTower) {
	const { vision, text } = architecture;
	if (tower === "text" && text !== undefined) {
		return others(EPSILONS, text.eps).map((eps) => ({ eps, changed: { ...architecture, text: { ...text, eps } } }));
	}
	if (tower === "text" || vision === undefined || vision.family === "resnet") return [];
	return others(EPSILONS, vision.eps).map((eps) => ({
		eps,
		changed: { ...architecture, vision: { ...vision, eps } },
	}));
}

function others(values: readonly number[], own: number): number[] {
	return values.filter((value) => value !== own);
}

const HALVES: Rgb = [0.5, 0.5, 0.5];

function preprocessMistakes({ mean, std, ...rest }: Preprocess): { cause: string; changed: Preprocess }[] {
	const reversed = ([red, green, blue]: Rgb): Rgb => [blue, green, red];
	return [
		{ cause: "mean and std are swapped", changed: { ...rest, mean: std, std: mean } },
		{
			cause: "channel order: mean and std are those of BGR",
			changed: { ...rest, mean: reversed(mean), std: reversed(std) },
		},
		{ cause: "wrong normalisation: expected mean and std 0.5", changed: { ...rest, mean: HALVES, std: HALVES } },
	];
}
