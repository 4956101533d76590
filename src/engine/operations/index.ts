import type { MeanWorkspace } from "../../kernels/wasm.ts";
import type { Operation } from "../operation.ts";
import { compareRunner } from "./compare.ts";
import { copyRunner, digestRunner } from "./copy.ts";
import { finiteRunner } from "./finite.ts";
import { meanRunner } from "./mean.ts";
import { productsRunner } from "./products.ts";
import { recomputeRunner } from "./recompute.ts";
import { residualsRunner } from "./residuals.ts";
import type { Runner } from "./runner.ts";
import { scanRunner } from "./scan.ts";

/** The worker's side of an operation. */
export function createRunner(operation: Operation, workspace: MeanWorkspace): Runner {
	switch (operation.kind) {
		case "mean":
			return meanRunner(workspace, operation.problem);
		case "copy":
			return copyRunner(workspace, operation.operandCount, operation.elementByteLength);
		case "digest":
			return digestRunner(workspace);
		case "scan":
			return scanRunner(workspace, operation.dtype);
		case "finite":
			return finiteRunner(workspace, operation.dtype);
		case "compare":
			return compareRunner(workspace, operation.dtypes);
		case "recompute":
			return recomputeRunner(workspace, operation.problem);
		case "products":
			return productsRunner(workspace, operation.dtypes);
		case "residuals":
			return residualsRunner(workspace, operation.dtypes, operation.mixtures);
	}
}
