/** What a long operation reports while it runs, at most every 100 ms and once at its end. */
export interface Progress {
	readonly phase: "download" | "read" | "average" | "convert" | "digest" | "upload" | "check" | "sync";
	readonly tensorsDone: number;
	/** 0 where files are read without a look at what is in them. */
	readonly tensorsTotal: number;
	/** Bytes read plus bytes written so far. */
	readonly bytesDone: number;
	readonly bytesTotal: number;
}

/** Options of every long operation: how to stop it and how to watch it. */
export interface Watch {
	readonly signal?: AbortSignal;
	readonly onProgress?: (progress: Progress) => void;
}
