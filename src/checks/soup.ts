import { performance } from "node:perf_hooks";
import type { MeanDeviation } from "../engine/results.ts";
import type { Watch } from "../progress.ts";
import { type CheckResult, ranCheck, skippedCheck } from "../verification.ts";
import { type AlignedTensor, type Alignment, alignSoup } from "./soup-alignment.ts";
import { type Diagnosis, diagnose } from "./soup-diagnosis.ts";
import { dtypeFindings, findingsOn } from "./soup-findings.ts";
import { type Recomputation, recompute } from "./soup-recompute.ts";
import { isFloatTensor, readSample } from "./soup-sample.ts";
import type { StreamOptions } from "./soup-stream.ts";
import { type SoupClaim, type SoupTerms, soupTerms } from "./soup-terms.ts";
import type { Subject } from "./subject.ts";

export interface SoupCheckOptions extends SoupClaim, StreamOptions {}

/**
 * CS008: whether a soup is the average of its ingredients, bit for bit.
 *
 * Recomputes every element from the ingredients, streaming, whatever the layouts; what is not told of the weights comes
 * from the soup's recipe. Where elements differ, other formulas are tried on a sample, so that the findings can say what
 * the soup is instead.
 * @throws {ClipSoupError} ERR_WEIGHTS, ERR_USAGE for options that make no average; ERR_IO, ERR_INPUT_CHANGED
 */
export async function checkSoup(
	soup: Subject,
	ingredients: readonly Subject[],
	options: SoupCheckOptions = {},
	watch: Watch = {},
): Promise<CheckResult> {
	const start = performance.now();
	const { threads, chunkByteLength, ...claim } = options;
	const terms = soupTerms(soup, ingredients.length, claim);
	const alignment = alignSoup(soup, ingredients, terms.keep);
	const { tensors, findings } = alignment;
	if (tensors.length === 0 && findings.length === 0) return skippedCheck("CS008", "There is no tensor to compare");
	const subjects = [soup, ...ingredients];
	const found = await recompute(alignment, terms.linear, subjects, { threads, chunkByteLength }, watch);
	const diagnosis =
		found.deviations.size === 0 ? undefined : await diagnoseSample(alignment, found, terms, ingredients);
	const wrong = findingsOn(found, diagnosis, subjects);
	return ranCheck("CS008", (performance.now() - start) / 1000, {
		detail: detailOf(alignment, found, terms, diagnosis),
		findings: [...findings, ...dtypeFindings(tensors, terms.recipe), ...wrong],
	});
}

/** Tensors that are sampled at most, of those that differ and of those that do not, and elements of each. */
const DIFFERING_SAMPLES = 64;
const EQUAL_SAMPLES = 16;
const SAMPLE_ELEMENTS = 2048;

async function diagnoseSample(
	{ tensors, sources }: Alignment,
	{ deviations }: Recomputation,
	terms: SoupTerms,
	ingredients: readonly Subject[],
): Promise<Diagnosis | undefined> {
	const ofAll = tensors.filter(isFloatTensor).filter(({ inputs }) => inputs.length === ingredients.length);
	const differing = ofAll.filter((tensor) => deviations.has(tensor));
	const equal = ofAll.filter((tensor) => !deviations.has(tensor));
	const chosen = [...spread(differing, DIFFERING_SAMPLES), ...spread(equal, EQUAL_SAMPLES)];
	const read = chosen.map((tensor) => readSample(sources, tensor, deviations.get(tensor)?.first ?? 0, SAMPLE_ELEMENTS));
	const samples = (await Promise.all(read)).filter((sample) => sample !== undefined);
	if (samples.length === 0) return undefined;
	return diagnose(
		samples,
		new Set(differing),
		terms,
		ingredients.map(({ name }) => name),
	);
}

/** At most so many of a list, evenly spread over it. */
function spread<One>(list: readonly One[], most: number): readonly One[] {
	const step = Math.max(1, list.length / most);
	return list.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

function detailOf(
	{ tensors }: Alignment,
	{ deviations, unequal }: Recomputation,
	terms: SoupTerms,
	diagnosis: Diagnosis | undefined,
): string {
	const elements = sum(tensors, ({ elementCount }) => elementCount);
	const compared = `${tensors.length} tensors, ${elements} elements; ${terms.description}`;
	const different = deviations.size + unequal.size;
	if (different === 0) return `Recomputed in float64 with one rounding, equal to the bit: ${compared}`;
	return [
		`Recomputed in float64 with one rounding: ${different} of ${compared}`,
		...(deviations.size === 0 ? [] : [deviationText([...deviations.values()], tensors)]),
		...(diagnosis === undefined ? [] : [diagnosisText(diagnosis)]),
	].join("; ");
}

function deviationText(deviations: readonly MeanDeviation[], tensors: readonly AlignedTensor[]): string {
	const differing = sum(deviations, (deviation) => deviation.differing);
	const averaged = sum(tensors.filter(isFloatTensor), ({ elementCount }) => elementCount);
	const maxUlp = deviations.reduce((most, deviation) => Math.max(most, deviation.maxUlp), 0);
	return `${differing} of ${averaged} averaged elements differ (${percent(differing / averaged)}), by up to ${maxUlp} ulp`;
}

function diagnosisText({ ofDtype, bound, elements, tensors }: Diagnosis): string {
	const sampled = `${elements} sampled elements of ${tensors} tensors`;
	if (ofDtype.size > 0) {
		const formulas = [...ofDtype].map(([dtype, { formula, cause }]) => {
			const where = ofDtype.size > 1 ? `${dtype} ` : "";
			return `${where}${formula}${cause === undefined ? "" : `: ${cause}`}`;
		});
		return `on ${sampled} the soup ${formulas.join(", ")}`;
	}
	const nearest = `${percent(bound.nearest / elements)} are the average rounded to nearest`;
	const reach =
		bound.beyond === 0
			? `all are within the bound of float32 sums (${bound.worst.toPrecision(3)} of it)`
			: `${bound.beyond} are beyond what rounding can do (up to ${bound.worst.toPrecision(3)} times the bound)`;
	return `no one formula fits the ${sampled}: ${nearest}, ${reach}`;
}

function percent(share: number): string {
	return `${(100 * share).toPrecision(3)} %`;
}

function sum<One>(list: readonly One[], value: (one: One) => number): number {
	return list.reduce((total, one) => total + value(one), 0);
}
