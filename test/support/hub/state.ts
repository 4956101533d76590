import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { type Account, knownAccounts } from "./accounts.ts";
import type { Content } from "./content.ts";
import { type Effect, FaultTable } from "./faults.ts";
import type { Reply } from "./reply.ts";
import type { TestRepository } from "./repository.ts";

/** One request that arrived, and what became of it. Tokens are left out of the headers. */
export interface RequestRecord {
	readonly server: "hub" | "storage";
	/** Name of the route, or `none`. */
	readonly route: string;
	readonly method: string;
	/** Path and query. */
	readonly url: string;
	readonly host: string;
	readonly headers: IncomingHttpHeaders;
	/** Whether it carried a token. */
	readonly isAuthorized: boolean;
	readonly requestByteLength: number;
	/** 0 if it was never answered. */
	status: number;
	responseByteLength: number;
	readonly effect: Effect["kind"] | undefined;
}

/** A request as routes see it: parameters are decoded. */
export interface Call {
	readonly method: string;
	readonly url: URL;
	readonly headers: IncomingHttpHeaders;
	readonly body: Buffer;
	readonly parameters: Readonly<Record<string, string>>;
	/** Who sent it, as far as the token tells. */
	readonly account: Account | undefined;
}

export interface Route {
	/** What fault tables and records call it. */
	readonly name: string;
	readonly methods: readonly string[];
	/** Over the path as it arrived, before decoding; its groups are the parameters. */
	readonly pattern: RegExp;
	readonly handle: (call: Call, state: HubState) => Reply | Promise<Reply>;
}

/** What a presigned URL lets its bearer do, until it expires. */
export interface Grant {
	readonly method: "GET" | "PUT" | "POST";
	/** SHA-256 of the object. */
	readonly oid: string;
	readonly byteLength: number;
	/** Number of the part, from 1, and the upload it belongs to. */
	readonly part?: { readonly upload: string; readonly number: number };
	isExpired: boolean;
}

/** All that the double's two servers share. */
export class HubState {
	readonly repositories = new Map<string, TestRepository>();
	readonly accounts: Map<string, Account> = knownAccounts();
	/** LFS objects by SHA-256. */
	readonly objects = new Map<string, Content>();
	/** Parts of multipart uploads under way: ETag and bytes by number. */
	readonly uploads = new Map<string, Map<number, Buffer>>();
	readonly grants = new Map<string, Grant>();
	readonly faults = new FaultTable();
	readonly requests: RequestRecord[] = [];
	/** Requests to storage that carried a token; a test with any fails. */
	readonly leaks: string[] = [];
	/** Objects above it are uploaded in parts of that size. */
	partByteLength = Number.POSITIVE_INFINITY;
	/** Whether an OIDC identity token is good, and for which repository. */
	readonly identityTokens = new Map<string, string>();
	hubUrl = "";
	storageUrl = "";

	/** A URL that needs no token, until it expires. */
	presign(path: string, grant: Omit<Grant, "isExpired">): string {
		const signature = randomUUID().replaceAll("-", "");
		this.grants.set(signature, { ...grant, isExpired: false });
		return `${this.storageUrl}${path}?X-Amz-Expires=900&X-Amz-Signature=${signature}`;
	}

	/** Makes every URL that was presigned so far answer 403. */
	expirePresigned(): void {
		for (const grant of this.grants.values()) grant.isExpired = true;
	}
}
