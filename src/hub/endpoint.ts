import { homedir } from "node:os";
import { join } from "node:path";
import { ClipSoupError } from "../errors.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the Hub is, and where its files and tokens lie on this machine, as huggingface_hub finds them. */
export interface HubPlaces {
	/** URL without a slash at its end. */
	readonly endpoint: string;
	/** Folder of tokens and caches. */
	readonly home: string;
	/** Folder of downloaded repositories. */
	readonly cache: string;
	/** Whether no request is to be sent. */
	readonly isOffline: boolean;
}

const PUBLIC_ENDPOINT = "https://huggingface.co";

/**
 * Reads HF_ENDPOINT, HF_HOME, XDG_CACHE_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE as huggingface_hub does (`constants.py`).
 *
 * @throws {ClipSoupError} ERR_USAGE if HF_ENDPOINT is no HTTP URL
 */
export function hubPlaces(environment: Environment): HubPlaces {
	const cacheHome = environment.XDG_CACHE_HOME || join("~", ".cache");
	const home = expandPath(environment.HF_HOME || join(cacheHome, "huggingface"), environment);
	const cache = environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE || join(home, "hub");
	return {
		endpoint: parseEndpoint(environment.HF_ENDPOINT || PUBLIC_ENDPOINT, "HF_ENDPOINT"),
		home,
		cache: expandPath(cache, environment),
		isOffline: isTrue(environment.HF_HUB_OFFLINE || environment.TRANSFORMERS_OFFLINE),
	};
}

/** Whether a variable is switched on, by the words that huggingface_hub takes for it. */
export function isTrue(value: string | undefined): boolean {
	return ["1", "ON", "YES", "TRUE"].includes(value?.toUpperCase() ?? "");
}

/**
 * A path in which `~` stands for the user's folder, and `$NAME` and `${NAME}` for variables, as Python's `expanduser` and
 * `expandvars` have it: variables that there are not stay as they are, and values are not expanded again.
 */
export function expandPath(path: string, environment: Environment): string {
	const absolute = path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
	return absolute.replace(
		/\$(?:(\w+)|\{([^}]*)\})/g,
		(text, plain?: string, braced?: string) => environment[plain ?? braced ?? ""] ?? text,
	);
}

/**
 * The URL of a Hub, without a slash at its end.
 *
 * @param origin what gave it, as messages say it
 * @throws {ClipSoupError} ERR_USAGE if it is no HTTP URL
 */
export function parseEndpoint(text: string, origin: string): string {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "") {
		return url.href.replace(/\/+$/, "");
	}
	throw new ClipSoupError("ERR_USAGE", `Cannot use ${origin}: found no plain http or https URL`, {
		fix: `leave it away, or give a URL such as ${PUBLIC_ENDPOINT}`,
	});
}
