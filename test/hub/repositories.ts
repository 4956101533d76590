import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HubDouble } from "../support/hub/double.ts";

/** Puts a folder with all that is in it into a repository of the double, and returns the commit. */
export function publish(double: HubDouble, id: string, folder: string): string {
	const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
	const paths = entries.map((entry) => join(entry.parentPath, entry.name));
	const files = paths.map((path) => [path.slice(folder.length + 1), readFileSync(path)] as const);
	return (double.repositories.get(id) ?? double.repository(id)).add(Object.fromEntries(files)).id;
}
