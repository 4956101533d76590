/** Folders of a Hugging Face pair; what else lies in folders is published with `--include` only. */
const FOLDERS: ReadonlySet<string> = new Set(["", "vision", "text"]);

/**
 * All that is published without being asked for: weights and configurations of the layouts, tokenizer files, what
 * clip-soup writes about a soup, the card and the licence.
 *
 * Sources: open_clip `push_to_hf_hub.py`, timm `_hub.py`, transformers `CLIPTokenizer.vocab_files_names` and processors.
 */
const KNOWN: readonly RegExp[] = [
	/^(open_clip_model|open_clip_pytorch_model|model)\.safetensors$/,
	/^model-\d{5,6}-of-\d{5,6}\.safetensors$/,
	/^model\.safetensors\.index\.json$/,
	// Pickles, which need --allow-pickle besides.
	/^(open_clip_pytorch_model|pytorch_model(-\d{5}-of-\d{5})?)\.bin$/,
	/^(open_clip_config|config|generation_config|preprocessor_config|processor_config)\.json$/,
	/^(vocab|tokenizer|tokenizer_config|special_tokens_map|added_tokens|chat_template)\.json$/,
	/^(merges|vocab)\.txt$/,
	/^(spiece|sentencepiece\.bpe)\.model$/,
	/^(clip-soup\.lock|soup)\.json$/,
	/^model\.sig$/,
	/^README\.md$/,
	/^(LICENSE|LICENCE|NOTICE)(\.txt|\.md)?$/,
];

const PICKLE = /\.(bin|pt|pth|ckpt|pkl|pickle)$/i;

/** Names with a dot that tools leave in folders: they are never published, and no sign that something is wrong. */
const TOOLS = /^\.(git|gitattributes|gitignore|github|cache|clip-soup|DS_Store)$|\.clip-soup-/;

export const LOCK_NAME = "clip-soup.lock.json";
export const CARD_NAME = "README.md";
export const SIGNATURE_NAME = "model.sig";

/** Whether a path in the folder is one of the names that are published. */
export function isKnownPath(path: string): boolean {
	const at = path.lastIndexOf("/");
	return FOLDERS.has(path.slice(0, Math.max(at, 0))) && KNOWN.some((name) => name.test(path.slice(at + 1)));
}

/** Whether loading such a file runs code that is in it. */
export function isPickle(path: string): boolean {
	return PICKLE.test(path);
}

/** Whether a part of a path is hidden. */
export function isHidden(path: string): boolean {
	return path.split("/").some((part) => part.startsWith("."));
}

/** Whether a hidden file is one that a tool left. */
export function isLeftByTool(path: string): boolean {
	return path.split("/").some((part) => TOOLS.test(part));
}

/** Whether a path matches a pattern as a whole: `*` within a name, `**` across folders, `?` one character. */
export function matchesGlob(pattern: string, path: string): boolean {
	const source = pattern.replace(/\*\*\/?|\*|\?|[.+^${}()|[\]\\]/g, (token) => GLOB_TOKENS[token] ?? `\\${token}`);
	return new RegExp(`^${source}$`, "u").test(path);
}

const GLOB_TOKENS: Readonly<Record<string, string>> = { "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]" };
