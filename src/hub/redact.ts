const TOKEN = /\bhf_[A-Za-z0-9._-]{8,}/g;
/** A presigned URL is a secret too: its query holds the signature. */
const QUERY = /(\bhttps?:\/\/[^\s"'<>?]*)\?[^\s"'<>]*/g;
const CREDENTIALS = /(\bhttps?:\/\/)[^\s"'<>/?#@]*@/g;

/** Text without tokens, passwords in URLs and the queries of URLs. */
export function redact(text: string): string {
	return text.replace(CREDENTIALS, "$1").replace(QUERY, "$1?…").replace(TOKEN, "hf_…");
}
