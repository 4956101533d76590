/** A repository on the Hub at one commit: where bytes come from. */
export interface Origin {
	/** `namespace/name`. */
	readonly repo: string;
	/** The commit, 40 hex digits. */
	readonly revision: string;
}

/** What a reference to the Hub stood for while a command ran. */
export interface ResolvedReference extends Origin {
	/** `hf:namespace/name[@revision]` as it was given, less the path in it. */
	readonly reference: string;
}

/** `hf:org/name@main at 3f2c…`; the reference alone where it names the commit. */
export function describeOrigin({ reference, revision }: ResolvedReference): string {
	return reference.endsWith(`@${revision}`) ? reference : `${reference} at ${revision}`;
}
