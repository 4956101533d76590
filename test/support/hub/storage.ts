import { createHash } from "node:crypto";
import * as z from "zod";
import { contentOf } from "./content.ts";
import { type Reply, ranged } from "./reply.ts";
import type { Call, Grant, HubState, Route } from "./state.ts";

const completion = z.object({
	oid: z.string(),
	parts: z.array(z.object({ partNumber: z.number(), etag: z.string() })),
});

/** What stands behind presigned URLs: an S3 that speaks XML and takes no tokens. */
export const STORAGE_ROUTES: readonly Route[] = [
	{
		name: "storage-get",
		methods: ["GET", "HEAD"],
		pattern: /^\/objects\/(?<oid>[0-9a-f]{64})$/,
		handle: granted("GET", (call, _grant, state) => {
			const content = state.objects.get(call.parameters.oid ?? "");
			if (content === undefined) return xml(404, "NoSuchKey");
			// S3's own ETag is no digest that anyone can use.
			return ranged(content, call.headers.range, { etag: `"${content.sha256.slice(0, 32)}-1"` });
		}),
	},
	{
		name: "storage-put",
		methods: ["PUT"],
		pattern: /^\/objects\/(?<oid>[0-9a-f]{64})$/,
		handle: granted("PUT", ({ body }, grant, state) => {
			const content = contentOf(body);
			if (content.sha256 !== grant.oid || body.length !== grant.byteLength) return xml(400, "BadDigest");
			state.objects.set(grant.oid, content);
			return { status: 200, headers: { etag: etagOf(body) } };
		}),
	},
	{
		name: "storage-part",
		methods: ["PUT"],
		pattern: /^\/parts\/(?<upload>[0-9a-f]+)\/(?<number>\d+)$/,
		handle: granted("PUT", ({ body }, grant, state) => {
			if (grant.part === undefined) return xml(400, "InvalidArgument");
			const parts = state.uploads.get(grant.part.upload) ?? new Map<number, Buffer>();
			state.uploads.set(grant.part.upload, parts.set(grant.part.number, body));
			return { status: 200, headers: { etag: etagOf(body) } };
		}),
	},
	{
		name: "storage-complete",
		methods: ["POST"],
		pattern: /^\/complete\/(?<upload>[0-9a-f]+)$/,
		handle: granted("POST", ({ body, parameters }, grant, state) => {
			const { oid, parts } = completion.parse(JSON.parse(body.toString("utf8")));
			const held = state.uploads.get(parameters.upload ?? "") ?? new Map<number, Buffer>();
			const wanted = Math.ceil(grant.byteLength / state.partByteLength);
			const isWhole =
				parts.length === wanted && held.size === wanted && parts.every(({ partNumber }, i) => partNumber === i + 1);
			const match = parts.every(({ partNumber, etag }) => etagOf(held.get(partNumber) ?? Buffer.alloc(0)) === etag);
			if (!isWhole || !match) return xml(400, "InvalidPart");
			const content = contentOf(Buffer.concat(parts.map(({ partNumber }) => held.get(partNumber) ?? Buffer.alloc(0))));
			if (content.sha256 !== oid || oid !== grant.oid) return xml(400, "BadDigest");
			state.objects.set(oid, content);
			return { status: 200 };
		}),
	},
];

/** Lets a request through that has an unexpired URL for this method and object. */
function granted(
	method: Grant["method"],
	handle: (call: Call, grant: Grant, state: HubState) => Reply | Promise<Reply>,
): Route["handle"] {
	return (call, state) => {
		const grant = state.grants.get(call.url.searchParams.get("X-Amz-Signature") ?? "");
		if (grant === undefined) return xml(403, "SignatureDoesNotMatch");
		const isRight = grant.method === method && (call.parameters.oid ?? grant.oid) === grant.oid;
		if (grant.isExpired || !isRight) return xml(403, "AccessDenied", "Request has expired");
		return handle(call, grant, state);
	};
}

function etagOf(bytes: Buffer): string {
	return `"${createHash("md5").update(bytes).digest("hex")}"`;
}

export function xml(status: number, code: string, message = code): Reply {
	const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
	return { status, headers: { "content-type": "application/xml" }, body: Buffer.from(text) };
}
