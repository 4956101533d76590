import type { Command } from "commander";
import type { Diff, TensorDiff, TensorStatus } from "../diff.ts";
import { describeOrigin } from "../origin.ts";
import { formatShape } from "../tensor/shape.ts";
import { formatNumber, formatTable, printable } from "./format.ts";
import { CHECKPOINT } from "./options.ts";
import { runCommand } from "./run.ts";

const EXAMPLES = `
Examples:
  $ clip-soup diff soup/ reference/
  $ clip-soup diff a.safetensors b.safetensors --all
  $ clip-soup diff a/ b/ --json > diff.json`;

/** Tensors listed without --all. */
const MOST_LISTED = 20;

/** `clip-soup diff` */
export function addDiff(program: Command): void {
	program
		.command("diff")
		.summary("compare two checkpoints tensor by tensor")
		.description(
			"Compare names, dtypes, shapes and bytes (not metadata) of two checkpoints. Ends with 1 if they differ.",
		)
		.argument("<a>", CHECKPOINT)
		.argument("<b>", "what to compare it with")
		.option("--all", "list every tensor, not only the most different ones")
		.option("--threads <n>", "worker threads (default: processors, at most 2)")
		.option("--json", "one JSON document on stdout, with every tensor")
		.option("--quiet", "no progress, no notes")
		.addHelpText("after", EXAMPLES)
		.action(async (a: string, b: string, raw: { readonly json?: boolean }) => {
			await runCommand(
				"diff",
				raw,
				(flags) => flags.diffFlags,
				async (flags, watch) => {
					const { diff } = await import("../diff.ts");
					const result = await diff(a, b, { threads: flags.threads }, watch);
					return { result, text: render(result, flags.all), notices: [], hasFindings: !result.equal };
				},
			);
		});
}

function render(diff: Diff, all: boolean): string {
	const listed = all ? diff.tensors : mostDifferent(diff.tensors);
	const differing = diff.tensors.length - diff.counts.equal;
	const more = all ? 0 : differing - listed.length;
	const table = listed.length === 0 ? "" : `${formatTable([HEAD, ...listed.map(row)], [2, 3, 4, 5, 6])}\n`;
	const rest = more > 0 ? `… and ${more} more; --all lists them\n` : "";
	return `${table}${rest}${table ? "\n" : ""}${summary(diff)}`;
}

const HEAD = ["tensor", "status", "differing", "max abs", "rel L2", "cosine", "max ulp"];

function mostDifferent(tensors: readonly TensorDiff[]): TensorDiff[] {
	return tensors
		.filter(({ status }) => status !== "equal")
		.sort((x, y) => (y.distance?.relativeL2 ?? Infinity) - (x.distance?.relativeL2 ?? Infinity) || 0)
		.slice(0, MOST_LISTED);
}

function row({ name, status, dtypes, shapes, differing, distance }: TensorDiff): string[] {
	const detail: Partial<Record<TensorStatus, string>> = {
		"shape-differs": shapes.map((shape) => formatShape(shape ?? [])).join(" ≠ "),
		"dtype-differs": dtypes.join(" ≠ "),
	};
	const label = status.replaceAll("-", " ");
	return [
		printable(name),
		detail[status] === undefined ? label : `${label}: ${detail[status]}`,
		String(differing),
		...(distance ? numbers(distance) : []),
	];
}

function numbers(distance: Diff["distance"] | NonNullable<TensorDiff["distance"]>): string[] {
	const { maxAbs, relativeL2, cosine, maxUlp } = distance;
	return [formatNumber(maxAbs), formatNumber(relativeL2), cosine?.toFixed(9) ?? "–", maxUlp?.toString() ?? "–"];
}

function summary({ a, b, equal, counts, tensors, distance, origins }: Diff): string {
	const parts = Object.entries(counts).filter(([, count]) => count > 0);
	const counted = parts.map(([status, count]) => `${count} ${status.replaceAll("-", " ")}`).join(", ");
	const [maxAbs, relativeL2, cosine, maxUlp] = numbers(distance);
	const where = distance.maxAbsIn === undefined ? "" : ` in ${printable(distance.maxAbsIn)}`;
	const rows = [
		["a", printable(a)],
		["b", printable(b)],
		...origins.map((origin) => ["commit", printable(describeOrigin(origin))]),
		["tensors", `${tensors.length}: ${counted}`],
		...(equal
			? []
			: [
					["max abs", `${maxAbs}${where}`],
					["rel L2", `${relativeL2}`],
					["cosine", `${cosine}`],
					["max ulp", `${maxUlp}`],
				]),
		["result", equal ? "equal: same names, dtypes, shapes and bytes" : "different"],
	];
	return `${formatTable(rows)}\n`;
}
