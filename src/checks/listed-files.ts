import type { ListedFile, Watch } from "../progress.ts";
import { counted } from "../reports/plain-text.ts";
import { type CheckResult, type Finding, ranCheck } from "../verification.ts";

/** CS002 of files on the Hub: whether what came has the digest that the Hub lists. */
export class ListedFiles {
	/** By name: a file may be read by several checks. */
	readonly #files = new Map<string, Finding | undefined>();

	/** Has the passes over the bytes tell what came, in place of ending with an error. */
	watched(watch: Watch): Watch {
		return { ...watch, onFileDigest: (file, sha256) => this.#note(file, sha256) };
	}

	/** None if no file came from the Hub as a whole. */
	results(): CheckResult[] {
		if (this.#files.size === 0) return [];
		const findings = [...this.#files.values()].filter((finding) => finding !== undefined);
		const detail = `${counted(this.#files.size, "file")} against the digests that the Hub lists`;
		return [ranCheck("CS002", 0, { detail, findings })];
	}

	#note({ name, listedSha256 }: ListedFile, sha256: string): void {
		if (listedSha256 === undefined) return;
		const isListed = sha256 === listedSha256;
		const finding = isListed ? this.#files.get(name) : findingOf(name, listedSha256, sha256);
		this.#files.set(name, finding);
	}
}

function findingOf(file: string, listed: string, sha256: string): Finding {
	return {
		level: "error",
		message: `"${file}" came with other bytes than the Hub lists`,
		file,
		expected: `sha256:${listed}`,
		found: `sha256:${sha256}`,
		cause: "storage or a proxy is at fault",
	};
}
