import type { Chapter } from "./fault.ts";
import { COMPARISONS } from "./faults-comparison.ts";
import { CONFIGURATIONS } from "./faults-configuration.ts";
import { FILES } from "./faults-files.ts";
import { LOCKS } from "./faults-lock.ts";
import { SOUPS } from "./faults-soup.ts";
import { TENSORS } from "./faults-tensors.ts";

/** Every fault that is planted, in the order of the table in docs/verification.md. */
export const CHAPTERS: readonly Chapter[] = [FILES, TENSORS, CONFIGURATIONS, LOCKS, SOUPS, COMPARISONS];
