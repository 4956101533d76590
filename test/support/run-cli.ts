import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";

export const CLI = resolve("bin/clip-soup.js");

export interface CliRun {
	readonly pid: number | undefined;
	/** Null if a signal ended it. */
	readonly exitCode: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface CliOptions {
	readonly cwd?: string;
	/** Another installation than this one. */
	readonly cli?: string;
	readonly env?: Readonly<Record<string, string>>;
	/** Run through `sh -c` with this before it, for example `ulimit -f 100`. */
	readonly shell?: string;
	/** User and group id to run as, which only root may choose. */
	readonly user?: number;
	/** Called with the process once it runs. */
	readonly onSpawn?: (child: ChildProcess) => void;
}

/** Runs `clip-soup` as a process of its own, as a user would. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
	const { cli = CLI } = options;
	const command = options.shell
		? ["sh", "-c", `${options.shell}; exec "$0" "$@"`, process.execPath, cli, ...args]
		: [process.execPath, cli, ...args];
	const [file = "", ...rest] = command;
	const child = spawn(file, rest, {
		cwd: options.cwd,
		env: { ...process.env, CI: "", ...options.env },
		stdio: ["ignore", "pipe", "pipe"],
		...(options.user !== undefined && { uid: options.user, gid: options.user }),
	});
	options.onSpawn?.(child);
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	return new Promise((resolveRun, reject) => {
		child.on("error", reject);
		child.on("close", (exitCode, signal) => resolveRun({ pid: child.pid, exitCode, signal, stdout, stderr }));
	});
}
