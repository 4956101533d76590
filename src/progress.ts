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

/** A file that somebody else keeps. */
export interface ListedFile {
	/** What messages call it. */
	readonly name: string;
	/** SHA-256 of all its bytes as whoever keeps it tells, 64 lower-case hex digits; undefined if that is not told. */
	readonly listedSha256?: string | undefined;
}

/** Options of every long operation: how to stop it and how to watch it. */
export interface Watch {
	readonly signal?: AbortSignal;
	readonly onProgress?: (progress: Progress) => void;
	/** Called with the SHA-256 of a file from the Hub that was read from its start to its end. Default: `requireListed`. */
	readonly onFileDigest?: (file: ListedFile, sha256: string) => void;
}
